"""Tests of `infmap.web.serving`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from infmap.core.errors import UsageError
from infmap.web.serving import Listen, run, server_of
from infmap.web.sessions import TrustedProxies

NOBODY = TrustedProxies()


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        (Listen("0.0.0.0"), "reached from other machines"),
        (Listen("::"), "reached from other machines"),
        (Listen(certificate=Path("a.pem")), "one of the two"),
        (Listen(certificate=Path("a.pem"), key=Path("b.pem")), "two PEM files"),
    ],
)
def test_what_would_be_unsafe_is_refused(listen: Listen, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listen.check(NOBODY)


def test_this_machine_and_a_trusted_proxy_need_no_certificate() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        assert Listen(host).local
        Listen(host).check(NOBODY)
    Listen("0.0.0.0").check(TrustedProxies.of("", ["10.0.0.1"]))


def test_a_port_in_use_or_no_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port in (taken.getsockname()[1], 70_000):
            with pytest.raises(UsageError, match="choose another with --port"):
                Listen(port=port).bound().__enter__()


def test_an_address_names_scheme_host_and_port() -> None:
    with Listen().bound() as listening:
        port = listening.getsockname()[1]
        assert Listen().address(listening) == f"http://127.0.0.1:{port}/"
        secure = Listen("::1", certificate=Path("a"), key=Path("b"))
        assert secure.address(listening) == f"https://[::1]:{port}/"


def test_a_stream_without_end_ends_when_the_server_stops() -> None:
    stopping = asyncio.Event()

    async def events(request: Request) -> StreamingResponse:
        async def stream() -> AsyncIterator[bytes]:
            yield b"first\n"
            await stopping.wait()
            yield b"last\n"

        return StreamingResponse(stream())

    app = Starlette(routes=[Route("/", events)])
    listen = Listen()
    with listen.bound() as listening:
        server = server_of(app, listen, stopping.set)
        listening.listen()
        thread = threading.Thread(target=run, args=(server, listening))
        thread.start()
        with httpx.stream("GET", listen.address(listening), timeout=60) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "first"
            server.should_exit = True
            assert list(lines) == ["last"]
        thread.join()
