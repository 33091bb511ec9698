"""Tests of `infmap.serve.callers`."""

from __future__ import annotations

import pytest
from web_server import WebServer, film

from infmap.serve import callers, keys
from infmap.web.csrf import HEADER
from infmap.web.limits import RateLimit


def test_a_script_brings_its_key_and_needs_no_token(keyed: WebServer) -> None:
    assert keyed.ask("GET", "/v1/me").status_code == 401
    me = keyed.ask("GET", "/v1/me", key="ann").json()
    assert me == {"local": False, "name": "ann", "csrf": None}
    keyed.read(film(1), "ann")
    for header in ("Basic abc", "Bearer", "Bearer  ", "infmap_x", "Bearer \xff"):
        answer = keyed.client.get("/v1/me", headers={"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_page_signs_in_with_a_key_and_repeats_its_token(keyed: WebServer) -> None:
    assert keyed.ask("POST", "/v1/session", {"key": "infmap_no"}).status_code == 401
    closed = {"key": keyed.keys["closed"]}
    assert keyed.ask("POST", "/v1/session", closed).status_code == 401
    signed = keyed.ask("POST", "/v1/session", {"key": keyed.keys["ann"]})
    assert signed.json()["name"] == "ann"
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    token = keyed.ask("GET", "/v1/me").json()["csrf"]
    assert token == signed.json()["csrf"]
    post = "/v1/films?name=a.png"
    assert keyed.ask("POST", post, film(1)).status_code == 403
    assert keyed.ask("POST", post, film(1), x_csrf_token="0" * 64).status_code == 403
    assert keyed.ask("POST", post, film(1), x_csrf_token=token).status_code == 200
    with keyed.store.begin() as c:
        keys.disable(c, "ann")
    assert keyed.ask("GET", "/v1/me").status_code == 401


def test_another_sites_page_changes_nothing(web: WebServer) -> None:
    post = "/v1/films?name=a.png"
    token = web.ask("GET", "/v1/me").json()["csrf"]
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", HEADER: token},
    ):
        assert web.client.post(post, content=film(1), headers=headers).status_code == 403
    # A page of this server has to bring the token; a script on this machine is no page.
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert web.client.post(post, content=film(1), headers=own).status_code == 403
    assert web.client.post(post, content=film(1), headers={**own, HEADER: token}).status_code == 200
    assert web.client.post(post, content=film(1)).status_code == 200


def test_a_rebound_name_is_answered_nothing(web: WebServer) -> None:
    for path in ("/", "/v1/me", "/v1/jobs", "/metrics", "/openapi.json"):
        assert web.client.get(path, headers={"Host": "evil.example:8020"}).status_code == 421


def test_no_answer_lets_other_origins_read_it(web: WebServer) -> None:
    origin = {"Origin": "https://evil.example"}
    for answer in (
        web.client.get("/v1/me", headers=origin),
        web.client.options("/v1/films", headers={**origin, "Access-Control-Request-Method": "PUT"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "a.1.b", "x" * 5000, "a.99999999999.\xe9"]
)
def test_cookies_that_are_none_are_nobodys(keyed: WebServer, token: str) -> None:
    with keyed.store.read() as c:
        assert callers.key_of_session(c, keyed.store.key, token) is None


def test_a_cookie_ends_by_itself(keyed: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with keyed.store.read() as c:
        ann = next(key for key in keys.every(c) if key.name == "ann")
        token = callers.session_of(ann, keyed.store.key)
        assert callers.key_of_session(c, keyed.store.key, token) == ann
        assert callers.key_of_session(c, b"another key" * 3, token) is None
        assert callers.key_of_session(c, keyed.store.key, token.replace(".", ".9", 1)) is None
        later = callers.time.time() + callers.SESSION_SECONDS + 1
        monkeypatch.setattr(callers.time, "time", lambda: later)
        assert callers.key_of_session(c, keyed.store.key, token) is None


def test_a_key_may_ask_so_often_and_strangers_less(keyed: WebServer) -> None:
    keyed.limits.requests, keyed.limits.strangers = RateLimit(2, 3600.0), RateLimit(2, 3600.0)
    statuses = [keyed.ask("GET", "/v1/me", key="ann").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert keyed.ask("GET", "/v1/me", key="ben").status_code == 200
    refused = [keyed.ask("GET", "/v1/me") for _ in range(3)]
    assert [answer.status_code for answer in refused] == [401, 401, 429]
    assert int(refused[-1].headers["Retry-After"]) >= 1


def test_lengths_of_bodies_are_known_before_they_are_read(keyed: WebServer) -> None:
    bearer = {"Authorization": f"Bearer {keyed.keys['ann']}"}

    def endless():  # type: ignore[no-untyped-def]
        yield b"{"

    answer = keyed.client.post("/v1/jobs", content=endless(), headers=bearer)
    assert answer.status_code == 411
    long = {"key": "a" * 5000}
    assert keyed.ask("POST", "/v1/session", long).status_code == 413
