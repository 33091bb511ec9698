from __future__ import annotations

import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from infmap.deidentify.boxes import Box
from infmap.deidentify.desk import Desk
from infmap.deidentify.look import look_at
from infmap.deidentify.review_app import Pages, create_app
from infmap.web.film_encoding import decode_film

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, WORDS, labelled, saved  # noqa: E402

HERE = "http://127.0.0.1"


class Room:
    """The page of one film, and a browser at it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "Mustermann.dcm"
        path.write_bytes(saved(labelled()))
        self.desk = Desk([look_at(1, path, KEY, lambda plane: None)], KEY)
        self.ended = 0
        self.pages = Pages(self.desk, self.end)
        self.app = create_app(self.pages)
        self.client = TestClient(self.app, HERE)

    def end(self) -> None:
        self.ended += 1

    def enter(self) -> dict[str, str]:
        """Follow the printed address; gives the headers that change something."""
        answer = self.client.get(f"/?secret={self.pages.secret}")
        assert answer.status_code == 200 and "secret" not in str(answer.url)
        return {"X-CSRF-Token": self.client.get("/films").json()["csrf"]}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_films_and_boxes(room: Room) -> None:
    room.enter()
    (line,) = room.client.get("/films").json()["films"]
    assert (line["number"], line["width"], line["height"], line["state"]) == (1, 600, 600, "open")
    (box,) = line["boxes"]
    assert box["over_lungs"] is True and box["width"] > 100
    levels, bits = decode_film(room.client.get("/films/1/full").content)
    assert (levels == room.desk.film(1)[0]).all() and bits == 16
    assert room.client.get("/films/1/preview.jpg").content[:2] == b"\xff\xd8"


def test_decision_and_end(room: Room) -> None:
    token = room.enter()
    assert room.client.post("/finish", headers=token).status_code == 409
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    answer = room.client.put("/films/1", json={"boxes": [box]}, headers=token)
    assert answer.status_code == 204 and room.desk.boxes == {1: (Box(1, 2, 3, 4),)}
    (line,) = room.client.get("/films").json()["films"]
    assert line["state"] == "decided" and line["decided"] == [box]
    assert room.client.post("/finish", headers=token).status_code == 204 and room.ended == 1


def test_a_film_can_be_left_out(room: Room) -> None:
    token = room.enter()
    assert room.client.put("/films/1", json={"boxes": None}, headers=token).status_code == 204
    assert room.desk.held == {1}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"boxes": [{"x": 1}]}, 422),
        ({"boxes": [{"x": "1", "y": 2, "width": 3, "height": 4}]}, 422),
        ({"boxes": [{"x": -1, "y": 2, "width": 3, "height": 4}]}, 422),
        ({"boxes": [{"x": 599, "y": 2, "width": 3, "height": 4}]}, 422),
    ],
)
def test_what_is_no_decision_changes_nothing(room: Room, body: object, status: int) -> None:
    answer = room.client.put("/films/1", json=body, headers=room.enter())
    assert answer.status_code == status and room.desk.open == 1
    assert list(answer.json()) == ["error"]


def test_unknown_films(room: Room) -> None:
    token = room.enter()
    for answer in (
        room.client.get("/films/2/full"),
        room.client.put("/films/2", json={"boxes": []}, headers=token),
    ):
        assert answer.status_code == 404


PATHS = ("/", "/films", "/films/1/full", "/films/1/preview.jpg")


def test_nobody_else_sees_a_film(room: Room) -> None:
    for path in PATHS:
        assert room.client.get(path).status_code == 403, path
        assert room.client.get(path, params={"secret": "x"}).status_code == 403, path
    assert room.client.put("/films/1", json={"boxes": []}).status_code == 403
    assert room.client.post("/finish").status_code == 403 and room.ended == 0


def test_other_sites_pages_and_names_are_refused(room: Room) -> None:
    token = room.enter()
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert room.client.get("/films", headers=foreign).status_code == 403
    assert room.client.post("/finish").status_code == 403, "no token"
    assert room.client.get("/films", headers={"Host": "evil.example"}).status_code == 421
    body = b"x" * (2**18 + 1)
    assert room.client.put("/films/1", content=body, headers=token).status_code == 413


def test_headers_and_words(room: Room) -> None:
    room.enter()
    for path in (*PATHS, "/review/review.js", "/web/film.js", "/nowhere"):
        answer = room.client.get(path)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"], path
        assert not any(word in answer.text.casefold() for word in WORDS), path
    cookie = TestClient(room.app, HERE).get(
        f"/?secret={room.pages.secret}", follow_redirects=False
    ).headers["set-cookie"]  # fmt: skip
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert "Research use only" in room.client.get("/").text


def test_a_film_that_is_gone(room: Room, tmp_path: Path) -> None:
    room.enter()
    (tmp_path / "Mustermann.dcm").unlink()
    answer = room.client.get("/films/1/full")
    assert answer.status_code == 410 and "Mustermann" not in answer.text
