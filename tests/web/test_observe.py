"""Tests of `infmap.web.observe`."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from infmap.web.observe import LOG, Observed, RequestMetrics, log_to_stderr

Log = pytest.LogCaptureFixture


def film(request: Request) -> Response:
    return PlainTextResponse(request.state.request_id)


def broken(request: Request) -> Response:
    raise RuntimeError("broken")


def metrics(request: Request) -> Response:
    page: RequestMetrics = request.app.state.metrics
    return page.page()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/films/{film}", film), Route("/broken", broken), Route("/metrics", metrics)]
    app = Starlette(routes=routes)
    app.state.metrics = RequestMetrics("station")
    observed = Observed(app, app.state.metrics)
    return TestClient(observed, raise_server_exceptions=False)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


def test_a_line_names_the_route_and_never_the_path(client: TestClient, log: Log) -> None:
    client.get("/films/DOE-JOHN?name=DOE", headers={"X-Remote-User": "DOE"})
    client.get("/nothing/DOE-JOHN")
    said = [json.loads(line) for line in json_lines(log)]
    assert [line["route"] for line in said] == ["/films/{film}", "none"]
    assert [line["status"] for line in said] == [200, 404]
    assert "DOE" not in log.text


def json_lines(log: Log) -> list[str]:
    return [line for line in log.messages if line.startswith("{")]


def test_answers_and_handlers_know_the_id_of_the_request(client: TestClient, log: Log) -> None:
    answer = client.get("/films/1")
    assert answer.headers["x-request-id"] == answer.text
    assert json.loads(json_lines(log)[0])["request"] == answer.text
    assert client.get("/films/1").text != answer.text


def test_an_id_of_a_proxy_is_kept_where_it_is_one(client: TestClient) -> None:
    assert client.get("/films/1", headers={"X-Request-ID": "a1b2c3d4-e5"}).text == "a1b2c3d4-e5"
    for strange in ("short", "x" * 65, 'a"b"c"d"e"', "a b c d e f"):
        assert client.get("/films/1", headers={"X-Request-ID": strange}).text != strange


def test_an_error_is_logged_as_one(client: TestClient, log: Log) -> None:
    assert client.get("/broken").status_code == 500
    line = json.loads(json_lines(log)[0])
    assert (line["status"], line["level"], line["route"]) == (500, "error", "/broken")


def test_requests_are_counted_by_route(client: TestClient) -> None:
    client.get("/films/1")
    client.get("/films/2")
    client.request("BREW", "/films/2")
    text = client.get("/metrics").text
    assert 'station_requests_total{method="GET",route="/films/{film}",status="200"} 2.0' in text
    assert 'method="other"' in text and "BREW" not in text
    assert 'station_request_seconds_count{route="/films/{film}"} 3.0' in text
    assert "station_requests_active 1.0" in text


@pytest.mark.parametrize(("terminal", "said"), [(False, "once\n"), (True, "")])
def test_the_log_goes_to_standard_error_unless_somebody_sits_there(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    said: str,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    before = (LOG.handlers[:], LOG.propagate, LOG.level)
    try:
        log_to_stderr()
        log_to_stderr()
        LOG.info("once")
        assert capsys.readouterr().err == said
    finally:
        LOG.handlers[:], LOG.propagate = before[:2]
        LOG.setLevel(before[2])


def test_lines_that_find_no_room_are_lost_without_a_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    before = (LOG.handlers[:], LOG.propagate, LOG.level)
    try:
        log_to_stderr()

        def full(_: str) -> None:
            raise OSError(28, "No space left on device")

        (handler,) = LOG.handlers
        assert isinstance(handler, logging.StreamHandler)
        with monkeypatch.context() as patched:
            patched.setattr(handler.stream, "write", full)
            LOG.error("lost")
        LOG.error("kept")
        assert capsys.readouterr().err == "kept\n"
    finally:
        LOG.handlers[:], LOG.propagate = before[:2]
        LOG.setLevel(before[2])
