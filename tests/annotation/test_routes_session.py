"""Tests of `infmap.annotation.routes_session`, with real passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import Response
from small_station import new_store
from web_station import WebStation

from infmap.annotation import schema, users
from infmap.annotation.store import now
from infmap.web.limits import RateLimit
from infmap.web.sessions import TrustedProxies

FIRST, SECOND = "correct horse", "battery staple"


@pytest.fixture
def site(tmp_path: Path) -> WebStation:
    store = new_store(tmp_path / "station")
    site = WebStation(store)
    with store.begin() as c:
        users.add(c, "ada", FIRST, "administrator", must_change=True)
    return site


def sign_in(site: WebStation, name: str = "ada", password: str = FIRST, **headers: str) -> Response:
    return site.ask(None, "POST", "/api/session", {"name": name, "password": password}, **headers)


def test_signing_in_gives_a_session_and_a_token_for_changes(site: WebStation) -> None:
    answer = sign_in(site)
    assert answer.status_code == 200
    told = answer.json()
    user = {"name": "ada", "role": "administrator", "must_change_password": True}
    assert told["user"] == user
    cookie = answer.headers["set-cookie"].split(";")[0]
    again = site.ask(None, "GET", "/api/me", cookie=cookie)
    assert again.json() == told
    assert cookie.split("=")[1] not in answer.text


@pytest.mark.parametrize(
    ("name", "password"), [("ada", SECOND), ("nobody", FIRST), ("ann", "none"), ("ada", "x" * 256)]
)
def test_what_does_not_fit_is_refused_in_the_same_words(
    site: WebStation, name: str, password: str
) -> None:
    answer = sign_in(site, name, password)
    assert answer.status_code == 401
    assert answer.json() == {"error": "name and password do not fit, or the account is closed"}
    assert "set-cookie" not in answer.headers


def test_a_closed_account_does_not_sign_in_and_its_sessions_end(site: WebStation) -> None:
    assert site.ask(site.ann, "GET", "/api/me").status_code == 200
    with site.store.begin() as c:
        users.disable(c, site.ann)
        users.add(c, "zoe", FIRST, "administrator")
        users.disable(c, users.named(c, "ada"))
    assert site.ask(site.ann, "GET", "/api/me").status_code == 401
    assert sign_in(site).status_code == 401


def test_tries_are_limited_and_a_success_forgives_them(site: WebStation) -> None:
    clock = [0.0]
    site.limits.sign_ins = RateLimit(3, 30.0, clock=lambda: clock[0])
    assert [sign_in(site, password=SECOND).status_code for _ in range(2)] == [401, 401]
    assert sign_in(site).status_code == 200
    statuses = [sign_in(site, password=SECOND).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    refused = sign_in(site)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert sign_in(site, "ann", SECOND).status_code == 401  # another name is not held up
    clock[0] = 30.0
    assert sign_in(site).status_code == 200


def test_one_address_tries_only_so_often_with_whatever_names(site: WebStation) -> None:
    site.limits.addresses = RateLimit(2, 60.0, clock=lambda: 0.0)
    statuses = [sign_in(site, f"user{n}", SECOND).status_code for n in range(3)]
    assert statuses == [401, 401, 429]


def test_a_planted_session_does_not_become_the_users(site: WebStation) -> None:
    with site.store.begin() as c:
        planted = users.start(c, site.ann, now())
    answer = sign_in(site, cookie=f"infmap-station={planted}")
    assert planted not in answer.headers["set-cookie"]
    with site.store.read() as c:
        assert users.user_of(c, planted, now()) is None


def test_another_sites_page_signs_nobody_in(site: WebStation) -> None:
    assert sign_in(site, sec_fetch_site="cross-site").status_code == 403
    assert sign_in(site, origin="http://elsewhere").status_code == 403
    form = site.client.post(
        "/api/session", content='{"name": "ada", "password": "correct horse"}',
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    assert form.status_code == 422


def test_strangers_send_small_bodies_of_known_size(site: WebStation) -> None:
    assert sign_in(site, password="x" * 5000).status_code == 413
    stream = site.client.post("/api/session", content=iter([b"{}"]))
    assert stream.status_code == 411


def test_a_changing_request_needs_the_sessions_own_token(site: WebStation) -> None:
    path = f"/api/projects/{site.project}/next"
    assert site.ask(site.ann, "POST", path).status_code == 200
    foreign = site.headers(site.ben)["X-CSRF-Token"]
    for token in ("", "0" * 64, foreign):
        headers = site.headers(site.ann) | {"X-CSRF-Token": token}
        assert site.client.post(path, headers=headers).status_code == 403
        site.client.cookies.clear()
    assert site.ask(site.ann, "POST", path, sec_fetch_site="same-site").status_code == 403


def test_a_session_ends_with_the_working_day(site: WebStation) -> None:
    assert site.ask(site.ann, "GET", "/api/me").status_code == 200
    with site.store.begin() as c:
        c.execute(schema.sessions.update().values(expires=now() - 1))
    refused = site.ask(site.ann, "GET", "/api/me")
    assert refused.status_code == 401
    assert "sign in" in refused.json()["error"]


def test_a_session_that_was_ended_is_over(site: WebStation) -> None:
    gone = site.ask(site.ann, "DELETE", "/api/session")
    assert gone.status_code == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert site.ask(site.ann, "GET", "/api/me").status_code == 401


def test_a_one_time_password_opens_nothing_until_it_is_changed(site: WebStation) -> None:
    signed = sign_in(site)
    cookie = signed.headers["set-cookie"].split(";")[0]
    own = {"cookie": cookie, "X_CSRF_Token": signed.json()["csrf"]}
    refused = site.ask(None, "GET", "/api/projects", **own)
    assert (refused.status_code, refused.json()["must_change_password"]) == (403, True)

    def change(password: str, new: str) -> Response:
        return site.ask(None, "POST", "/api/password", {"password": password, "new": new}, **own)

    assert change(SECOND, "a third one").status_code == 403
    assert change(FIRST, FIRST).status_code == 422
    assert change(FIRST, "short").status_code == 422
    changed = change(FIRST, SECOND)
    assert changed.status_code == 200
    assert changed.json()["user"]["must_change_password"] is False
    assert site.ask(None, "GET", "/api/me", **own).status_code == 401  # the old session is over
    cookie = changed.headers["set-cookie"].split(";")[0]
    assert site.ask(None, "GET", "/api/projects", cookie=cookie).status_code == 200
    assert sign_in(site).status_code == 401
    assert sign_in(site, password=SECOND).status_code == 200


def behind(
    site: WebStation, name: str, method: str = "GET", path: str = "/api/me", **more: str
) -> Response:
    return site.ask(None, method, path, x_remote_user=name, **more)


@pytest.fixture
def proxied(tmp_path: Path) -> WebStation:
    proxies = TrustedProxies.of("X-Remote-User", ["192.0.2.0/24"])
    return WebStation(new_store(tmp_path / "station"), proxies)


def test_behind_a_proxy_its_users_are_signed_in(proxied: WebStation) -> None:
    told = behind(proxied, "ann").json()
    assert told["user"]["name"] == "ann"
    path = f"/api/projects/{proxied.project}/next"
    assert behind(proxied, "ann", "POST", path).status_code == 403  # other sites' pages come, too
    assert behind(proxied, "ann", "POST", path, x_csrf_token=told["csrf"]).status_code == 200
    assert behind(proxied, "ben", "POST", path, x_csrf_token=told["csrf"]).status_code == 403


def test_a_user_of_the_proxy_needs_an_account(proxied: WebStation) -> None:
    assert "no account" in behind(proxied, "stranger").json()["error"]
    assert behind(proxied, "stranger").status_code == 403
    with proxied.store.begin() as c:
        users.disable(c, proxied.ann)
    assert behind(proxied, "ann").status_code == 403


def test_a_header_from_elsewhere_signs_nobody_in(site: WebStation) -> None:
    assert behind(site, "ann").status_code == 401


def test_behind_tls_the_cookie_is_of_this_host_alone(proxied: WebStation) -> None:
    with proxied.store.begin() as c:
        users.add(c, "ada", FIRST, "reader")
    answer = sign_in(proxied, x_forwarded_proto="https")
    assert answer.headers["set-cookie"].startswith("__Host-infmap-station=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


def test_a_password_of_a_proxys_user_is_not_the_stations(proxied: WebStation) -> None:
    token = behind(proxied, "ann").json()["csrf"]
    body = {"password": FIRST, "new": SECOND}
    answer = proxied.ask(
        None, "POST", "/api/password", body, x_remote_user="ann", x_csrf_token=token
    )
    assert answer.status_code == 409
