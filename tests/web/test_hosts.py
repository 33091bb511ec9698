"""Tests of `infmap.web.hosts`."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from infmap.web.hosts import LoopbackOnly, host_name


@pytest.fixture
def client() -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    return TestClient(LoopbackOnly(Starlette(routes=[Route("/", answer)])))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8020", "127.0.0.1", "127.0.0.1:8020", "127.8.9.1", "[::1]:80"]
)
def test_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).text == "here"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8020", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.x",
     "[::2]:80", "0.0.0.0"],
)  # fmt: skip
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "localhost" in answer.json()["error"]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_what_a_proxy_passes_on_is_refused(client: TestClient, header: str) -> None:
    answer = client.get("/", headers={"Host": "127.0.0.1", header: "192.0.2.7"})
    assert answer.status_code == 421
    assert "--trusted" in answer.json()["error"]


def test_the_name_in_a_header() -> None:
    assert host_name("[::1]:8020") == "::1"
    assert host_name("A.example:8020") == "a.example"
    assert host_name("") == ""
