"""Tests of `infmap.serve.receiving`."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Message, Scope
from web_server import WebServer, film, sha

from full_disk import full_disk
from infmap.serve import receiving, uploads


def parts(web: WebServer) -> list[str]:
    return [path.name for path in web.store.uploads.rglob("*.part")]


def test_a_body_in_pieces_is_the_same_film(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PIECE", 100)
    data = film(1)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(data), 70):
            yield data[start : start + 70]

    answer = web.client.post("/v1/films?name=a.png", content=chunks())
    assert answer.status_code == 200
    assert uploads.path(web.store, sha(data)).read_bytes() == data
    assert parts(web) == []


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"other bytes", 400), (b"x" * (2**20 + 1), 413)]
)
def test_what_is_refused_leaves_nothing(web: WebServer, body: bytes, status: int) -> None:
    job = web.job(film(1))
    answer = web.ask("PUT", f"/v1/jobs/{job}/films/{sha(film(1))}", body)
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]
    assert parts(web) == []
    assert web.ask("GET", f"/v1/jobs/{job}").json()["counts"]["waiting"] == 1
    assert web.send(job, film(1)).json() == {"items": [0]}


def test_an_upload_larger_than_it_said_is_refused_as_it_comes(web: WebServer) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b"x" * 2**18

    assert web.client.post("/v1/films", content=chunks()).status_code == 413
    assert parts(web) == []


def test_a_full_disk_is_said(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    full = usage(10, 10, receiving.SPARE - 1)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: full)
        assert web.ask("POST", "/v1/films", film(1)).status_code == 507
        assert web.ask("GET", "/readyz").status_code == 507

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/private/name")

    monkeypatch.setattr(uploads.os, "fsync", no_room)
    answer = web.ask("POST", "/v1/films", film(1))
    assert answer.status_code == 507
    assert "private" not in answer.text
    assert parts(web) == []


def test_uploads_are_taken_again_as_soon_as_there_is_room(web: WebServer) -> None:
    data = film(1)
    job = web.job(data)
    with full_disk():
        refused = web.send(job, data)
    assert refused.status_code in (503, 507) and int(refused.headers["Retry-After"]) > 0
    assert set(refused.json()) == {"error"}
    assert parts(web) == []
    assert web.send(job, data).status_code == 200


@pytest.mark.parametrize("harm", ["gone", "forbidden"])
def test_a_folder_that_cannot_be_used_is_said_and_not_written_into(
    web: WebServer, harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    data = film(1)
    job = web.job(data)
    with monkeypatch.context() as patched:
        if harm == "gone":
            web.store.uploads.rename(tmp_path / "away")
        else:  # root may write everywhere
            patched.setattr(os, "access", lambda path, mode: False)
        for answer in (web.send(job, data), web.ask("GET", "/readyz")):
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            assert str(tmp_path) not in answer.text
    assert web.ask("GET", "/healthz").status_code == 200
    if harm == "gone":
        (tmp_path / "away").rename(web.store.uploads)
    assert web.ask("GET", "/readyz").status_code == 200
    assert web.send(job, data).status_code == 200


def test_a_client_that_goes_away_is_no_error_of_the_server(web: WebServer) -> None:
    came: list[Message] = [
        {"type": "http.request", "body": film(1)[:100], "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/films",
        "raw_path": b"/v1/films", "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return came.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(web.app(scope, receive, send))
    assert sent[0]["status"] == 400 and b"broke off" in sent[1]["body"]
    assert parts(web) == []
