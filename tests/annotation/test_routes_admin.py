"""Tests of `infmap.annotation.routes_admin`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_station import new_store
from web_station import WebStation

from infmap.annotation import schema, users


@pytest.fixture
def site(tmp_path: Path) -> WebStation:
    return WebStation(new_store(tmp_path / "station"))


def fits(site: WebStation, name: str, password: str) -> bool:
    with site.store.read() as c:
        return users.check(c, name, password) is not None


def test_an_account_is_made_with_a_password_that_is_told_once(site: WebStation) -> None:
    made = site.ask(site.admin, "POST", "/api/users", {"name": "eve", "role": "reader"})
    assert made.status_code == 201
    told = made.json()
    assert (told["name"], told["role"], told["must_change_password"]) == ("eve", "reader", True)
    assert fits(site, "eve", told["password"])
    listed = site.ask(site.admin, "GET", "/api/users")
    assert "eve" in [user["name"] for user in listed.json()]
    assert told["password"] not in listed.text
    taken = site.ask(site.admin, "POST", "/api/users", {"name": "eve", "role": "reader"})
    assert taken.status_code == 422


def test_a_given_password_is_not_told_again(site: WebStation) -> None:
    body = {"name": "eve", "role": "reader", "password": "first of two"}
    assert "password" not in site.ask(site.admin, "POST", "/api/users", body).json()
    assert fits(site, "eve", "first of two")


def test_an_account_is_changed_closed_and_opened(site: WebStation) -> None:
    def change(**body: object) -> dict[str, object]:
        answer = site.ask(site.admin, "PATCH", "/api/users/ann", body)
        assert answer.status_code == 200, answer.text
        told: dict[str, object] = answer.json()
        return told

    assert change(role="senior")["role"] == "senior"
    assert change(disabled=True)["disabled"] is True
    assert site.ask(site.ann, "GET", "/api/me").status_code == 401
    told = change(disabled=False, new_password=True)
    assert told["must_change_password"] is True
    assert fits(site, "ann", str(told["password"]))
    assert "password" not in change()


def test_the_last_administrator_stays_one(site: WebStation) -> None:
    for body in ({"role": "reader"}, {"disabled": True}):
        refused = site.ask(site.admin, "PATCH", "/api/users/admin", body)
        assert refused.status_code == 422
        assert "only administrator" in refused.json()["error"]


def test_an_account_that_is_not_there_cannot_be_changed(site: WebStation) -> None:
    assert site.ask(site.admin, "PATCH", "/api/users/nobody", {}).status_code == 404


def test_the_audit_log_says_whether_it_is_whole(site: WebStation) -> None:
    site.take(site.ann)
    told = site.ask(site.admin, "GET", "/api/audit").json()
    assert (told["intact"], told["broken"]) == (True, None)
    assert [entry["seq"] for entry in told["entries"]] == list(range(1, len(told["entries"]) + 1))
    assert told["entries"][-1]["verb"] == "sign in"  # the administrator's own
    after = site.ask(site.admin, "GET", f"/api/audit?after={told['entries'][-2]['seq']}").json()
    assert after["entries"] == told["entries"][-1:]
    with site.store.begin() as c:
        table = schema.audit
        c.execute(table.update().where(table.c.seq == 2).values(user_name="somebody else"))
    told = site.ask(site.admin, "GET", "/api/audit").json()
    assert (told["intact"], told["broken"]) == (False, "audit: entry 2 is not as it was written")
