"""Tests of `infmap.report.planes`."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.core.types import Prediction
from infmap.report import write_planes

Predict = Callable[..., Prediction]


def test_planes_are_eight_bit_on_the_film_grid(tmp_path: Path, predict: Predict) -> None:
    p = predict()
    written = write_planes(p, "a", tmp_path)
    assert written["maps"] == tmp_path / "maps" / "a.png"
    planes = {k: Image.open(path) for k, path in written.items()}
    assert {(i.mode, i.size) for i in planes.values()} == {("L", (128, 96))}
    assert np.array_equal(np.asarray(planes["maps"]), np.where(p.infected, 204, 0))
    assert np.array_equal(np.asarray(planes["masks"]), np.where(p.infected, 255, 0))
    assert np.array_equal(np.asarray(planes["lungs"]), np.where(p.lungs, 255, 0))
    assert written["opacity"] == tmp_path / "opacity" / "a.png"
    assert np.array_equal(np.asarray(planes["opacity"]), np.where(p.opaque, 255, 0))


def test_a_plane_that_fails_leaves_the_old_file_and_no_leavings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predict: Predict
) -> None:
    write_planes(predict(), "a", tmp_path)
    before = (tmp_path / "maps" / "a.png").read_bytes()

    def full(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UsageError, match="disk is full") as caught:
        write_planes(predict(infection=np.zeros((96, 128), np.float32)), "a", tmp_path)
    assert "\n" not in str(caught.value)
    assert [f.name for f in (tmp_path / "maps").iterdir()] == ["a.png"]
    assert (tmp_path / "maps" / "a.png").read_bytes() == before
