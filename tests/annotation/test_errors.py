"""Errors of the station's domain: one line each, and nothing that tells who may know of what."""

from __future__ import annotations

from infmap.annotation.errors import Fenced, NotFound, Taken, WrongSequence
from infmap.core.errors import InfmapError


def test_every_error_is_one_line_that_says_what_to_do() -> None:
    for error in (NotFound("task"), WrongSequence(4), Fenced(2), Taken(3)):
        assert isinstance(error, InfmapError)
        assert "\n" not in str(error) and len(str(error)) < 100
    assert "from number 5" in str(WrongSequence(4))
