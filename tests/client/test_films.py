"""Tests of `infmap.client.films`."""

from __future__ import annotations

import pytest

from infmap.client.films import Film, FilmEvent, mapping, rows, text
from infmap.core.errors import PeerError
from infmap.core.files import Json

WHOLE: dict[str, Json] = {"film": "f", "name": "a.png", "model": "m", "line": {"score": 1.0}}
EVENT: dict[str, Json] = {"position": 2, "name": "a.png", "model": "m", "state": "done"}


def test_a_film_has_its_figures() -> None:
    film = Film.of(WHOLE)
    assert (film.id, film.name, film.model, film.figures) == ("f", "a.png", "m", {"score": 1.0})


def test_an_event_has_no_film_where_there_is_none() -> None:
    assert FilmEvent.of({**EVENT, "film": None}).film is None
    assert FilmEvent.of({**EVENT, "film": "f", "status": "ok"}).status == "ok"


@pytest.mark.parametrize("key", ["film", "name", "model", "line"])
def test_another_servers_answer_is_an_error_in_one_line(key: str) -> None:
    with pytest.raises(PeerError, match="infmap serve of this version"):
        Film.of({name: value for name, value in WHOLE.items() if name != key})


def test_what_is_of_another_kind_is_said() -> None:
    with pytest.raises(PeerError):
        FilmEvent.of({**EVENT, "position": "2"})
    with pytest.raises(PeerError):
        mapping([])
    with pytest.raises(PeerError):
        rows({})
    with pytest.raises(PeerError, match="id"):
        text({"id": 1}, "id")
