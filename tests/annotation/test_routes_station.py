"""Tests of `infmap.annotation.routes_station`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_station import new_store
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from web_station import WebStation

from infmap.annotation import routes_station
from infmap.annotation.store import Store
from infmap.web.headers import HEADERS


@pytest.fixture
def site(tmp_path: Path) -> WebStation:
    return WebStation(new_store(tmp_path / "station"))


def test_health_and_readiness_are_told_to_anybody(site: WebStation) -> None:
    assert site.ask(None, "GET", "/healthz").json() == {"status": "ok"}
    assert site.ask(None, "GET", "/readyz").json() == {"status": "ready"}


def test_without_a_database_the_station_is_alive_and_not_ready(
    site: WebStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Store) -> None:
        raise OperationalError("SELECT secret", {"patient": "DOE"}, Exception("away"))

    monkeypatch.setattr(Store, "read", away)
    assert site.ask(None, "GET", "/healthz").status_code == 200
    answer = site.ask(None, "GET", "/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {"error": "the database does not answer; send it again"}


def test_metrics_are_for_this_machine_and_for_administrators(site: WebStation) -> None:
    assert site.ask(None, "GET", "/metrics").status_code == 403
    assert site.ask(site.ann, "GET", "/metrics").status_code == 403
    told = site.ask(site.admin, "GET", "/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert "infmap_annotation_requests_total" in told.text
    local = TestClient(site.app, client=("127.0.0.1", 5))
    assert local.get("/metrics").status_code == 200
    assert local.get("/metrics", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 403


def test_pages_come_from_the_package_under_a_strict_policy(
    site: WebStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_station, "STATIC", tmp_path)
    for name in ("annotate", "help"):
        (tmp_path / f"{name}.html").write_text(f"<!doctype html><title>{name}</title>")
    (tmp_path.parent / "outside.html").write_text("outside")
    for path, name in (("/", "annotate"), ("/help", "help")):
        answer = site.ask(None, "GET", path)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
        assert f"<title>{name}</title>" in answer.text
    for path in ("/none", "/annotate.html", "/..%2foutside", "/" + "a" * 300):
        assert site.ask(None, "GET", path).status_code in (404, 422)


def test_modules_of_pages_are_served_and_nothing_else_of_the_package(site: WebStation) -> None:
    module = site.ask(None, "GET", "/web/view.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert site.ask(None, "GET", "/station/..%2f__init__.py").status_code == 404
    assert site.ask(None, "GET", "/web/../app.py").status_code == 404
