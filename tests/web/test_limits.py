"""Tests of `infmap.web.limits`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from infmap.web.limits import BodyLimit, RateLimit


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def forgiving(scope: Scope, receive: Receive, send: Send) -> None:
    """Makes an answer of its own of whatever goes wrong, as frameworks do."""
    try:
        await Request(scope, receive).body()
    except Exception:
        await JSONResponse({"error": "what?"}, 400)(scope, receive, send)


def chunks(*sizes: int) -> Iterator[bytes]:
    yield from (bytes(size) for size in sizes)


def test_a_body_within_the_limit_arrives() -> None:
    client = TestClient(BodyLimit(echo, 10, 5.0))
    assert client.post("/", content=bytes(10)).text == "10"
    assert client.post("/", content=chunks(4, 6)).text == "10"
    assert client.get("/").text == "0"


@pytest.mark.parametrize("app", [echo, forgiving])
def test_a_larger_body_is_refused_however_it_is_sent(app: object) -> None:
    client = TestClient(BodyLimit(app, 10, 5.0))  # type: ignore[arg-type]
    for content in (bytes(11), chunks(4, 7)):
        answer = client.post("/", content=content)
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"
        assert "at most 10 bytes" in answer.json()["error"]


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    sent: list[Message] = []

    async def nothing() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": []}
    anyio.run(BodyLimit(echo, 10, 0.0), scope, nothing, send)
    assert sent[0]["status"] == 408
    assert "did not arrive in time" in json.loads(sent[1]["body"])["error"]


def test_after_the_body_there_is_no_hurry() -> None:
    messages = iter(
        [{"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"}]
    )
    seen: list[str] = []

    async def receive() -> Message:
        return next(messages)

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "headers": []}
    anyio.run(BodyLimit(waits, 10, 5.0), scope, receive, send)
    assert seen == ["http.request", "http.disconnect"]


def limited(**settings: int) -> tuple[RateLimit, list[float]]:
    now = [0.0]
    return RateLimit(3, 10.0, clock=lambda: now[0], **settings), now


def test_so_many_at_once_then_one_in_a_time() -> None:
    limit, now = limited()
    assert [limit.wait("ada") for _ in range(5)] == [0, 0, 0, 10, 10]
    now[0] = 9.5
    assert limit.wait("ada") == 1
    now[0] = 10.0
    assert [limit.wait("ada"), limit.wait("ada")] == [0, 10]


def test_a_rest_allows_no_more_than_the_burst() -> None:
    limit, now = limited()
    limit.wait("ada")
    now[0] = 1e6
    assert [limit.wait("ada") for _ in range(4)] == [0, 0, 0, 10]


def test_keys_do_not_share() -> None:
    limit, _ = limited()
    for _ in range(4):
        limit.wait("ada")
    assert limit.wait("bob") == 0


def test_who_is_forgiven_starts_anew() -> None:
    limit, _ = limited()
    for _ in range(4):
        limit.wait("ada")
    limit.forgive("ada")
    limit.forgive("nobody")
    assert limit.wait("ada") == 0


def test_only_so_many_keys_are_remembered() -> None:
    limit, _ = limited(keys=2)
    for key in ("ada", "ada", "ada", "bob", "ada", "cyd"):
        limit.wait(key)
    assert limit.wait("ada") > 0  # used last but one, so bob was forgotten
    assert len(limit._buckets) == 2
