from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from infmap.core.errors import UnreadableFilm
from infmap.deidentify.look import look_at

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, film, labelled, saved  # noqa: E402


def test_pixels_are_looked_at_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(saved(labelled()))
    look = look_at(7, path, KEY, lambda plane: None)
    assert (look.number, look.rows, look.columns, len(look.boxes)) == (7, 600, 600, 1)
    assert look.over_lungs is look.candidates[0].over_lungs
    unseen = look_at(7, path, KEY, None)
    assert unseen.rows == 0 and unseen.candidates == () and not unseen.over_lungs


def test_the_film_is_read_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(saved(film()))
    look = look_at(1, path, KEY, None)
    assert look.open(KEY).dataset.Rows == 40
    path.write_bytes(saved(film(Manufacturer="x")))
    with pytest.raises(UnreadableFilm, match="changed"):
        look.open(KEY)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFilm, match="FileNotFoundError"):
        look_at(1, tmp_path / "no.dcm", KEY, None)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.dcm"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFilm, match="pipe"):
        look_at(1, pipe, KEY, None)
