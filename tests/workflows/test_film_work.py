"""Tests of `infmap.workflows.film_work`; what it writes: test_predict.py and test_predict_on.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UnreadableFilm
from infmap.report import PLANES, ThumbStore
from infmap.workflows.film_work import FilmWork, Run
from infmap.workflows.resume import Film


def test_a_run_says_which_files_a_film_has() -> None:
    run = Run(Path("out"), doubt=True, dicom=("sr",), fhir=True)
    assert run.planes == (*PLANES, "doubt") and run.objects == ("sr", "fhir")
    bare = Run(Path("out"), doubt=True, pictures=False)
    assert bare.planes == () and bare.objects == ()


def test_relative_paths_start_from_the_folder_of_the_run(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((80, 90), np.uint8)).save(tmp_path / "film.png")
    looked: list[Film] = []
    work = FilmWork(Run(tmp_path), "m@1", ThumbStore(tmp_path), looked.append, str(tmp_path))
    film = Film(0, "film", "film.png")
    assert work.read(film).shape == (80, 90)
    assert looked[0].path == str(tmp_path / "film.png")
    with pytest.raises(UnreadableFilm):
        work.read(film._replace(path="gone.png"))
    row = work.finish(film, UnreadableFilm("damaged", "film.png"))
    assert (row.path, row.status, row.reason) == ("film.png", "failed", "damaged")
