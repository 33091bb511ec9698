"""Tests of `infmap.client.calls`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from infmap.client.calls import Broken, Calls
from infmap.core.errors import PeerError, UsageError

HERE = "http://127.0.0.1:8020"
Answer = Callable[[httpx.Request], httpx.Response]


def calls(answer: Answer, patience: float = 60.0) -> tuple[Calls, list[float]]:
    """Calls whose requests are answered by a function, and the pauses that they make."""
    pauses: list[float] = []
    made = Calls(HERE, "infmap_k", patience, httpx.MockTransport(answer), pauses.append)
    return made, pauses


@pytest.mark.parametrize("url", ["", "films", "ftp://127.0.0.1", "http://"])
def test_an_address_is_one(url: str) -> None:
    with pytest.raises(UsageError, match="expected an address"):
        Calls(url, None, 0)


def test_a_key_is_sent_over_tls_or_to_this_machine_alone() -> None:
    with pytest.raises(UsageError, match="expected https"):
        Calls("http://films.example", "infmap_k", 0)
    for url in ("https://films.example", HERE, "http://localhost:1", "http://[::1]:1"):
        Calls(url, "infmap_k", 0).close()
    Calls("http://films.example", None, 0).close()


def test_a_request_is_sent_until_it_is_answered(tmp_path: Path) -> None:
    film = tmp_path / "film"
    film.write_bytes(b"bytes")
    came: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        came.append(request.read())
        assert request.headers["authorization"] == "Bearer infmap_k"
        if len(came) == 1:
            raise httpx.ConnectError("no")
        if len(came) < 4:
            return httpx.Response(503, json={"error": "busy"})
        return httpx.Response(200, json={"items": [1]})

    made, pauses = calls(answer)
    assert made.json("PUT", "/v1", file=film) == (200, {"items": [1]})
    assert came == [b"bytes"] * 4
    assert pauses == sorted(pauses) and len(pauses) == 3


def test_patience_ends_in_one_line() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    def busy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"error": "too many requests"})

    for answer, text in ((silent, "does not answer"), (busy, "too many requests")):
        made, pauses = calls(answer, patience=0)
        with pytest.raises(PeerError, match=text):
            made.json("GET", "/v1/me")
        with pytest.raises(PeerError, match=text), made.stream("/v1/me"):
            pass
        assert pauses == []


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (httpx.Response(422, json={"error": "threshold: no"}), UsageError, "threshold: no"),
        (httpx.Response(401, json={"error": "a key"}), UsageError, "a key"),
        (httpx.Response(500, json={"error": "wrong"}), PeerError, "wrong"),
        (httpx.Response(404, text="<html>"), PeerError, "answered 404"),
        (httpx.Response(200, text="<html>"), PeerError, "expected JSON"),
    ],
)
def test_refusals_are_the_servers_own_line(
    answer: httpx.Response, kind: type[Exception], text: str
) -> None:
    made, pauses = calls(lambda request: answer)
    with pytest.raises(kind, match=text):
        made.json("GET", "/v1/me")
    assert pauses == []


def test_expected_refusals_are_answers() -> None:
    made, _ = calls(lambda request: httpx.Response(422, json={"error": "no"}))
    assert made.json("POST", "/v1/films", expected=(422,)) == (422, {"error": "no"})
    made, _ = calls(lambda request: httpx.Response(204))
    assert made.json("DELETE", "/v1/jobs/a") == (204, None)


def test_a_stream_is_connected_again_and_tells_when_it_breaks() -> None:
    tries: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(1)
        if len(tries) == 1:
            raise httpx.ConnectError("no")
        if len(tries) == 2:
            return httpx.Response(502)
        return httpx.Response(200, content=broken())

    def broken():  # type: ignore[no-untyped-def]
        yield b"first"
        raise httpx.ReadError("gone")

    made, pauses = calls(answer)
    with pytest.raises(Broken), made.stream("/v1/events") as stream:
        pieces = stream.iter_bytes()
        assert next(pieces) == b"first"
        next(pieces)
    assert len(pauses) == 2
    made.rest()
    assert len(pauses) == 3
