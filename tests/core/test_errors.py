"""Tests of `infmap.core.errors`."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.core import errors
from infmap.core.types import Radiograph


def test_a_film_stands_in_front_of_its_reason() -> None:
    error = errors.UnreadableFilm("expected a film", "a.png")
    assert str(error) == "a.png: expected a film"
    assert (error.reason, error.film, error.sha256) == ("expected a film", "a.png", None)
    assert str(errors.FilmError("expected a film")) == "expected a film"


def test_a_rejected_film_brings_its_checksum_along() -> None:
    film = Radiograph(np.zeros((4, 4), np.float32), sha256="ab")
    assert errors.RejectedFilm("no lungs", radiograph=film).sha256 == "ab"
    assert errors.RejectedFilm("no lungs", radiograph=film, sha256="cd").sha256 == "cd"
    assert errors.RejectedFilm("no lungs").sha256 is None


def test_a_missing_extra_says_what_to_install() -> None:
    said = str(errors.MissingExtra("the catalog", "train"))
    assert said == "the catalog needs optional packages: pip install 'infmap[train]'"


@pytest.mark.parametrize(
    "name", ["FilmError", "UsageError", "ModelError", "SnapshotError", "MissingExtra"]
)
def test_everything_a_user_can_mend_is_of_one_kind(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.InfmapError)
