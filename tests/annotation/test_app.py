"""Tests of `infmap.annotation.app`."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest
from small_station import new_store
from web_station import WebStation

from infmap.annotation import routes_station
from infmap.annotation.store import Store
from infmap.web.headers import HEADERS
from infmap.web.limits import RateLimit


@pytest.fixture
def site(tmp_path: Path) -> WebStation:
    return WebStation(new_store(tmp_path / "station"))


def test_every_answer_has_the_headers_and_one_line_on_errors(site: WebStation) -> None:
    answers = [
        site.ask(None, "GET", "/healthz"),
        site.ask(None, "GET", "/api/me"),
        site.ask(site.ann, "GET", "/api/projects"),
        site.ask(None, "GET", "/nowhere/at/all"),
        site.ask(None, "PUT", "/api/me"),
        site.ask(None, "POST", "/api/session", {}),
    ]
    assert [a.status_code for a in answers] == [200, 401, 200, 404, 405, 422]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert answer.headers["x-request-id"]
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"}


def test_an_error_nobody_foresaw_tells_the_log_and_not_the_client(
    site: WebStation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("DOE^JOHN cannot be read")

    monkeypatch.setattr(routes_station, "page_of", broken)
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    with caplog.at_level(logging.INFO, "infmap.web"):
        answer = site.ask(None, "GET", "/")
    assert (answer.status_code, set(answer.json())) == (500, {"error"})
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    line = json.loads(caplog.messages[-1])
    assert (line["error"], line["route"]) == ("RuntimeError", "/")
    assert any("test_app.py" in place for place in line["stack"])
    assert "DOE" not in caplog.text + answer.text


def test_what_was_sent_is_in_no_error(site: WebStation) -> None:
    body = {"name": "DOE^JOHN" * 20, "password": "secret password"}
    answer = site.ask(None, "POST", "/api/session", body)
    assert answer.status_code == 422
    assert "DOE" not in answer.text and "secret" not in answer.text


def test_who_asks_too_often_waits(site: WebStation) -> None:
    site.limits.requests = RateLimit(2, 10.0, clock=lambda: 0.0)
    statuses = [site.ask(site.ann, "GET", "/api/me").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert site.ask(site.ben, "GET", "/api/me").status_code == 200


def test_no_description_is_served_to_strangers(site: WebStation) -> None:
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert site.ask(None, "GET", path).status_code == 404


def test_two_readers_at_one_moment_get_two_films(store: Store) -> None:
    site = WebStation(store)
    headers = [site.headers(user) for user in (site.ann, site.ben)]
    got: list[str] = []

    def take(own: dict[str, str]) -> None:
        answer = site.client.post(f"/api/projects/{site.project}/next", headers=own)
        got.append(answer.json()["film"]["id"])

    threads = [threading.Thread(target=take, args=(own,)) for own in headers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(site.films)
