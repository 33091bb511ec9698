"""Tests of `infmap.serve.app`."""

from __future__ import annotations

import json
import logging

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from web_server import WebServer, film

from infmap.serve import routes_session
from infmap.web.headers import HEADERS


def test_every_answer_carries_the_security_headers(web: WebServer) -> None:
    for path in ("/", "/healthz", "/v1/me", "/v1/jobs/none", "/nowhere", "/viewer/none.js"):
        answer = web.ask("GET", path)
        for name, value in HEADERS.items():
            if name != "Cache-Control":  # the page's own files are asked for again each time
                assert answer.headers[name] == value, path


def test_errors_are_one_line_of_json(web: WebServer) -> None:
    for method, path in (("GET", "/nowhere"), ("PATCH", "/v1/jobs"), ("GET", "/v1/jobs/none")):
        answer = web.ask(method, path)
        assert set(answer.json()) == {"error"}
        assert answer.status_code in (404, 405)


def test_a_database_that_is_away_is_503(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("Doe^Jane"))

    monkeypatch.setattr(routes_session, "_answer", away)
    answer = web.ask("GET", "/v1/me")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_what_nobody_foresaw_is_500_and_its_message_stays_out_of_the_log(
    web: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link", "/films/Doe^Jane.dcm")

    monkeypatch.setattr(routes_session, "_answer", broken)
    client = TestClient(web.app, "http://127.0.0.1", raise_server_exceptions=False)
    with caplog.at_level(logging.INFO):
        answer = client.get("/v1/me")
    assert answer.status_code == 500
    assert "Doe" not in answer.text + caplog.text


def test_the_log_names_routes_and_no_film_patient_or_checksum(
    web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "infmap.web"):
        found = web.ask("POST", "/v1/films?name=Doe%5EJane.png", film(1)).json()["film"]
        web.ask("GET", f"/v1/films/{found}")
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["route"] for line in lines] == ["/v1/films", "/v1/films/{film}"]
    assert "Doe" not in caplog.text and found not in caplog.text
