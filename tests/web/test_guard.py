from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install 'infmap[serve]'")
from fastapi import APIRouter, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from infmap.web.guard import guarded_by

read: list[str] = []


async def _guard(request: Request, rule: str) -> None:
    read.append(rule)
    if rule == "closed":
        raise HTTPException(403, "no")


def _router() -> APIRouter:
    return APIRouter(route_class=guarded_by(_guard, {"POST /a": "open", "POST /b": "closed"}))


def test_a_rule_is_held_before_the_body_is_read() -> None:
    router, bodies = _router(), []

    @router.post("/a")
    @router.post("/b")
    async def take(body: dict[str, int]) -> int:
        bodies.append(body)
        return len(body)

    app = FastAPI()
    app.include_router(router)
    client = TestClient(app)
    assert client.post("/a", json={"x": 1}).json() == 1
    # A body that is no JSON would be a 422 had it been looked at.
    assert client.post("/b", content=b"{").status_code == 403
    assert bodies == [{"x": 1}] and read == ["open", "closed"]


def test_an_endpoint_without_a_rule_cannot_be_made() -> None:
    with pytest.raises(KeyError, match="POST /c"):
        _router().add_api_route("/c", lambda: None, methods=["POST"])
