"""Every endpoint is asked by everybody, for own things and for foreign ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from httpx import Response
from starlette.testclient import TestClient
from web_server import WebServer, film, sha

from infmap.serve import access, keys
from infmap.serve.access import TABLE
from infmap.serve.app import ROUTERS, create_app
from infmap.serve.callers import COOKIE, session_of
from infmap.serve.errors import NotFound
from infmap.web.csrf import csrf_token

CALLERS = ("nobody", "wrong", "closed", "ann", "ben", "page", "here")
"""No key; no such key; a disabled key; two keys; ann's key in a page's cookie; on the machine."""
ROUTES = sorted(TABLE)
QUERIES = {"GET /v1/films/{film}/map": "?layer=lungs"}


@dataclass(frozen=True)
class World:
    """A server that asks for keys, the same one as its own machine sees it, and two keys' things.

    Attributes:
        things: owner to the path's parameters.
    """

    server: WebServer
    here: TestClient
    things: dict[str, dict[str, str]]
    page: dict[str, str]

    def ask(self, caller: str, method: str, path: str) -> Response:
        client = self.here if caller == "here" else self.server.client
        headers = {"ann": "ann", "ben": "ben", "closed": "closed"}.get(caller)
        own = {"Authorization": f"Bearer {self.server.keys[headers]}"} if headers else {}
        if caller == "wrong":
            own = {"Authorization": "Bearer infmap_wrong"}
        if caller == "page":
            own = self.page
        # An empty object is refused behind the guard alone: 422 is a way of passing it.
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        answer = client.request(method, path, content=body, headers=own)
        client.cookies.clear()
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server = WebServer(Path(tmp_path_factory.mktemp("server")), needs_key=True)
    server.unlimited()
    things = {}
    for number, owner in enumerate(("ann", "ben"), start=1):
        film_id = server.read(film(number), owner)
        other = server.read(film(number), owner, "&threshold=0.3")
        job = server.job(film(number), film(10 + number), key=owner)
        things[owner] = {"film": film_id, "other": other, "job": job, "kind": "zones"}
        things[owner]["sha256"] = sha(film(20 + number))
    settings = replace(server.settings, open=True)
    app = create_app(server.store, server.models, server.reader, server.notices, settings)
    here = TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50000))
    with server.store.read() as c:
        (ann,) = [key for key in keys.every(c) if key.name == "ann"]
    token = session_of(ann, server.store.key)
    page = {"Cookie": f"{COOKIE.name}={token}"}
    page["X-CSRF-Token"] = csrf_token(server.store.key, token)
    with server.client, here:
        # Those who follow a job that goes on would wait for ever.
        server.notices.stop()
        yield World(server, here, things, page)
    server.store.close()


def expected(route: str, caller: str, owner: str) -> int:
    """401, 404 or 0 for passing: what the table says in words, written out once more."""
    rule = TABLE[route]
    if rule.scope == "public" or (rule.scope == "machine" and caller == "here"):
        return 0
    if caller in ("nobody", "wrong", "closed"):
        return 401
    if rule.scope in ("key", "machine") or caller == "here":
        return 0
    return 0 if {"page": "ann"}.get(caller, caller) == owner else 404


@pytest.mark.parametrize("caller", CALLERS)
def test_every_endpoint_for_everybody(world: World, caller: str) -> None:
    wrong = []
    for route in ROUTES:
        method, path = route.split(" ")
        if method == "DELETE" and TABLE[route].scope in ("job", "film"):
            continue  # see below: it would end what the rest asks for
        for owner in ("ann", "ben"):
            whole = path.format(**world.things[owner]) + QUERIES.get(route, "")
            answer = world.ask(caller, method, whole)
            wanted = expected(route, caller, owner)
            status = answer.status_code
            # Bodies are refused behind the guard: no film, no key, other bytes than the checksum's.
            sent = ("POST /v1/films", "POST /v1/jobs", "POST /v1/session")
            passed = (
                status < 300
                or (route in sent and status == 422)
                or (route.startswith("PUT ") and status == 400)
            )
            if status != wanted if wanted else not passed:
                wrong.append(f"{caller} {route} of {owner}: {status}, not {wanted or 'passing'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_job_is_ended_by_its_own_key_alone(world: World, caller: str) -> None:
    for owner in ("ann", "ben"):
        job = world.server.job(film(30), key=owner)
        status = world.ask(caller, "DELETE", f"/v1/jobs/{job}").status_code
        wanted = expected("DELETE /v1/jobs/{job}", caller, owner)
        assert status == (wanted or 204)
        state = world.server.ask("GET", f"/v1/jobs/{job}", key=owner).json()["state"]
        assert state == ("open" if wanted else "cancelled")


@pytest.mark.parametrize("caller", CALLERS)
def test_films_are_deleted_by_their_own_key_alone(world: World, caller: str) -> None:
    for number, owner in enumerate(("ann", "ben")):
        found = world.server.read(film(40 + number), owner)
        job = world.server.job(film(50 + number), key=owner)
        for route, path in (
            ("DELETE /v1/films/{film}", f"/v1/films/{found}"),
            ("DELETE /v1/jobs/{job}/films", f"/v1/jobs/{job}"),
        ):
            wanted = expected(route, caller, owner)
            tail = "/films" if "{job}" in route else ""
            assert world.ask(caller, "DELETE", path + tail).status_code == (wanted or 204)
            left = world.server.ask("GET", path, key=owner).status_code
            assert left == (200 if wanted else 404)


@pytest.mark.parametrize("caller", ["ann", "page", "here"])
def test_things_that_are_nowhere_are_not_found(world: World, caller: str) -> None:
    nowhere = {"film": "nowhere", "other": "nowhere", "job": "nowhere", "kind": "zones"}
    nowhere["sha256"] = "0" * 64
    for route in ROUTES:
        method, path = route.split(" ")
        if TABLE[route].scope in ("job", "film", "films"):
            answer = world.ask(caller, method, path.format(**nowhere))
            assert answer.status_code == 404, route
            assert set(answer.json()) == {"error"}


def test_both_films_are_to_be_the_callers_own(world: World) -> None:
    own, foreign = world.things["ann"], world.things["ben"]
    for film_id, other in ((own["film"], foreign["film"]), (foreign["film"], own["film"])):
        answer = world.ask("ann", "GET", f"/v1/films/{film_id}/aligned/{other}")
        assert answer.status_code == 404


@pytest.mark.parametrize("identifier", ["%00", "a%0Ab", "%ED%A0%80", "a" * 5000, "%2e%2e", "'--"])
def test_identifiers_that_are_none_are_not_found(world: World, identifier: str) -> None:
    for path in ("/v1/jobs/{}", "/v1/films/{}", "/v1/films/{}/zones"):
        assert world.ask("ann", "GET", path.format(identifier)).status_code == 404


def test_a_foreign_film_that_one_sends_oneself_is_ones_own(world: World) -> None:
    """Whoever has the bytes knows them; who has a checksum alone learns nothing by it."""
    theirs = world.things["ben"]["film"]
    assert world.ask("ann", "GET", f"/v1/films/{theirs}").status_code == 404
    # A film's checksum stands in reports: it gives away neither the film nor that it is here.
    job = world.server.job(film(2), key="ann")
    (item,) = world.ask("ann", "GET", f"/v1/jobs/{job}").json()["items"]
    assert (item["state"], item["film"]) == ("waiting", None)
    assert world.ask("ann", "GET", f"/v1/films/{theirs}").status_code == 404
    assert world.server.read(film(2), "ann") == theirs
    assert world.ask("ann", "GET", f"/v1/films/{theirs}").status_code == 200


def test_every_endpoint_of_the_application_has_a_rule() -> None:
    routes = {
        f"{method} {route.path}"
        for router in ROUTERS
        for route in router.routes
        for method in route.methods
    }
    assert routes == set(TABLE)


def test_what_the_table_has_to_say() -> None:
    """Principles that no change of the table may break unnoticed."""
    public = {route for route, rule in TABLE.items() if rule.scope == "public"}
    assert {route for route in public if "/v1/" in route} == {"POST /v1/session"}
    for route, rule in TABLE.items():
        assert ("{job}" in route) == (rule.scope == "job"), route
        assert ("{film}" in route) == (rule.scope in ("film", "films")), route
        assert ("{other}" in route) == (rule.scope == "films"), route


def test_admission_looks_at_what_the_rule_names(world: World) -> None:
    with world.server.store.read() as c:
        access.admit(c, TABLE["GET /v1/jobs"], "nobody's", {})
        with pytest.raises(NotFound):
            access.admit(c, TABLE["GET /v1/films/{film}"], None, {"film": "nowhere"})
