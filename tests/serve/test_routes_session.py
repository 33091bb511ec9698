"""Tests of `infmap.serve.routes_session`."""

from __future__ import annotations

from dataclasses import asdict

from web_server import WebServer

from infmap.core.types import GRADES


def test_on_its_own_machine_nobody_signs_in(web: WebServer) -> None:
    me = web.ask("GET", "/v1/me").json()
    assert (me["local"], me["name"]) == (True, None)
    assert len(me["csrf"]) == 64


def test_a_key_on_the_own_machine_is_that_keys(web: WebServer) -> None:
    assert web.ask("GET", "/v1/me", key="ann").json()["name"] == "ann"
    assert web.ask("GET", "/v1/me", key="closed").status_code == 401


def test_signing_out_takes_the_cookie(keyed: WebServer) -> None:
    signed = keyed.ask("POST", "/v1/session", {"key": keyed.keys["ben"]}).json()
    gone = keyed.ask("DELETE", "/v1/session", x_csrf_token=signed["csrf"])
    assert gone.status_code == 204
    assert keyed.ask("GET", "/v1/me").status_code == 401


def test_models_say_what_they_stand_on(web: WebServer) -> None:
    (model,) = web.ask("GET", "/v1/models").json()
    manifest = web.models[model["name"]]
    assert model["default"] is True
    assert model["label"] == manifest.label
    assert model["grades"] == list(GRADES)
    assert model["threshold"]["infection"] == manifest.thresholds.infection
    assert model["training"]["films"] == manifest.training.films
    assert model["severity"]["films"] == manifest.severity.films
    assert manifest.areas is not None
    assert model["areas"]["errors"] == asdict(manifest.areas)
