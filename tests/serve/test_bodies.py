"""Tests of `infmap.serve.bodies`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from infmap.serve.bodies import FilmBody, JobBody, SignIn

FILM = {"name": "a.png", "sha256": "0" * 64, "size": 1}


def test_a_job_is_films_and_no_more() -> None:
    assert JobBody.model_validate({"films": [FILM]}).models is None
    for body in ({}, {"films": []}, {"films": [FILM], "key": "x"}, {"films": [FILM], "id": "a/b"}):
        with pytest.raises(ValidationError):
            JobBody.model_validate(body)


@pytest.mark.parametrize(
    "change",
    [{"name": "a\nb"}, {"name": "\ud800"}, {"sha256": "A" * 64}, {"sha256": "0" * 63},
     {"size": -1}, {"size": 2**53}],
)  # fmt: skip
def test_films_are_named_in_plain_text_and_by_a_checksum(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FilmBody.model_validate(FILM | change)


def test_a_key_is_short_text() -> None:
    assert SignIn(key="infmap_a").key == "infmap_a"
    with pytest.raises(ValidationError):
        SignIn(key="a" * 257)
