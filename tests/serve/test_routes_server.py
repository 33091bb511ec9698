"""Tests of `infmap.serve.routes_server`."""

from __future__ import annotations

from starlette.testclient import TestClient
from web_server import WebServer, film

from infmap.serve.access import TABLE


def test_it_says_whether_it_lives_and_whether_it_can_work(web: WebServer) -> None:
    assert web.ask("GET", "/healthz").json() == {"status": "ok"}
    assert web.ask("GET", "/readyz").json() == {"status": "ready"}
    web.reader.processes = 0
    assert web.ask("GET", "/readyz").status_code == 503
    assert web.ask("GET", "/healthz").status_code == 200


def test_the_description_holds_every_endpoint_of_the_interface(web: WebServer) -> None:
    told = web.ask("GET", "/openapi.json").json()
    assert told["openapi"].startswith("3.")
    routes = {
        f"{method.upper()} {path}" for path, methods in told["paths"].items() for method in methods
    }
    assert routes == set(TABLE)
    assert "Research use only" in told["info"]["description"]
    error = told["components"]["schemas"]["ShareError"]
    assert {"bias", "low", "high", "lower", "upper", "within", "films"} == set(error["required"])


def test_metrics_are_for_this_machine_or_a_key(keyed: WebServer) -> None:
    keyed.read(film(1), "ann")
    assert keyed.ask("GET", "/metrics").status_code == 401
    assert 'infmap_serve_results{status="ok"} 1.0' in keyed.ask("GET", "/metrics", key="ann").text
    here = TestClient(keyed.app, client=("127.0.0.1", 1))
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
