"""Tests of `infmap.annotation.callers`; tests/annotation/test_access.py walks every endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import APIRouter
from small_station import new_store
from web_station import WebStation

from infmap.annotation.callers import GuardedRoute


def test_an_endpoint_without_a_rule_cannot_be_built() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(KeyError, match="GET /api/secrets"):

        @router.get("/api/secrets")
        def secrets() -> None: ...


def test_who_may_not_ask_is_told_so_before_the_body_is_read(tmp_path: Path) -> None:
    site = WebStation(new_store(tmp_path / "station"))
    broken = {"content": b"{no json", "headers": {"Content-Type": "application/json"}}
    assert site.client.post("/api/users", **broken).status_code == 401
    broken["headers"] |= site.headers(site.ann)
    assert site.client.post("/api/users", **broken).status_code == 403
    site.client.cookies.clear()
    broken["headers"] |= site.headers(site.admin)
    assert site.client.post("/api/users", **broken).status_code == 422


def test_a_cookie_that_is_no_session_signs_nobody_in(tmp_path: Path) -> None:
    site = WebStation(new_store(tmp_path / "station"))
    for cookie in ("infmap-station=made-up", "infmap-station=", "infmap-station=caf\u00e9"):
        headers = {"Cookie": cookie.encode("utf-8")}
        assert site.client.get("/api/me", headers=headers).status_code == 401
