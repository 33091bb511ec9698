"""Tests of `infmap.web.protocol`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from infmap.web.protocol import TimedHead
from infmap.web.serving import Listen, run, server_of

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"


async def body(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server that waits a moment for a head."""
    monkeypatch.setattr(TimedHead, "seconds", 0.2)
    listen = Listen()
    with listen.bound() as listening:
        server = server_of(Starlette(routes=[Route("/", body, methods=["POST"])]), listen)
        listening.listen()
        thread = threading.Thread(target=run, args=(server, listening))
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEAD + b"X: "])
def test_half_a_head_is_not_waited_for(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, 30) as client:
        client.sendall(sent)
        assert client.recv(1) == b""  # closed; else the socket's own time runs out


def test_a_body_may_take_longer_and_the_next_request_has_a_head_again(
    address: tuple[str, int],
) -> None:
    with (
        socket.create_connection(address, 30) as idle,
        socket.create_connection(address, 30) as client,
    ):
        client.sendall(HEAD + b"\r\n")
        assert idle.recv(1) == b""  # so long it takes
        client.sendall(b"ab")
        answer = b""
        while not answer.endswith(b"ab"):
            answer += client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        client.sendall(b"POST")
        assert client.recv(1) == b""
