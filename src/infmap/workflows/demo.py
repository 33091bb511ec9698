"""The demo: the project's rendered films, read like any others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from infmap.api import load
from infmap.dicom.write import write_dx
from infmap.phantom import sample_films
from infmap.workflows.predict import Outcome, Run, predict_films


def run_demo(out: Path) -> Outcome:
    """Render sample films below ``out``/films and read them into ``out``/results.

    Raises:
        UsageError: the folder cannot be written.
    """
    films = write_samples(out / "films")
    run = Run(out / "results", title="Demo on rendered films")
    return predict_films(load(), [str(path) for path in films], run)


def write_samples(folder: Path) -> list[Path]:
    """Render the phantom's sample films: PNG, and the last one as DICOM."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    samples = sample_films()
    for name, film in samples[:-1]:
        paths.append(folder / f"{name}.png")
        Image.fromarray(np.round(film.pixels * 255.0).astype(np.uint8)).save(paths[-1])
    name, film = samples[-1]
    paths.append(folder / f"{name}.dcm")
    pixels = np.round(film.pixels * 4095.0).astype(np.uint16)
    # 0.7 mm: 40 cm of detector on 512 pixels are 0.78; near enough for a demo, and round.
    write_dx(paths[-1], pixels, spacing_mm=(0.7, 0.7), patient_id="PHANTOM")
    return paths
