"""One film in every encoding: the same tones, and the same answer of the shipped model."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import infmap
from infmap.core.types import Radiograph
from infmap.dicom import read_radiograph
from infmap.phantom import render

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "film_encodings.py"


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("film_encodings", PATH)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@cache
def film() -> np.ndarray:
    """A phantom whose tones span the whole range, so that no window cuts any: 256 tones."""
    pixels = render(3, size=256, opacities=2).pixels
    low, high = float(pixels.min()), float(pixels.max())
    # All depths then hold the same tones, and only the reader can differ.
    return (np.rint((pixels - low) / (high - low) * 255) / 255).astype(np.float32)


@cache
def files() -> dict[str, bytes]:
    return module().encodings(film())


@cache
def read(name: str) -> Radiograph:
    return read_radiograph(files()[name], name=name)


@cache
def answer(name: str) -> float:
    return model().predict(read(name)).opacity_fraction


@cache
def model() -> infmap.Model:
    return infmap.load()


NAMES = sorted(files())


def test_there_are_many_encodings() -> None:
    assert len(NAMES) >= 50


@pytest.mark.parametrize("name", NAMES)
def test_tones_are_those_of_the_film(name: str) -> None:
    pixels = read(name).pixels
    assert np.corrcoef(pixels.ravel(), film().ravel())[0, 1] > 0.998


@pytest.mark.parametrize("name", NAMES)
def test_the_model_gives_the_answer_of_the_png(name: str) -> None:
    assert abs(answer(name) - answer("png-8")) <= 0.005
