"""Every endpoint is asked by everybody, for own things and for foreign ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from web_station import WebStation, database

from infmap.annotation import projects, schema, users
from infmap.annotation.access import ADMINISTRATOR, DRAWING, RANKS, TABLE, role_in
from infmap.annotation.app import ROUTERS
from infmap.annotation.store import Store
from infmap.annotation.users import User

CALLERS = ("nobody", "newcomer", "admin", "sue", "ann", "olga", "rex")
"""Not signed in; with a one-time password; administrator, senior, reader and observer of the first
project; reader of the second one."""
PARTS = {"admin": {"administrator"}, "sue": {"senior"}, "ann": {"reader"}, "olga": {"observer"}}
ROUTES = sorted(TABLE)


@dataclass(frozen=True)
class World:
    """Two projects, and the things in them by whose they are.

    Attributes:
        site: the first project is the station's own.
        things: caller to the path's parameters: "ann" and "sue" of the first project, "rex" of the
            second one.
    """

    site: WebStation
    things: dict[str, dict[str, str]]
    callers: dict[str, User | None]


def things_of(site: WebStation, user: User, project: str) -> dict[str, str]:
    first, site.project = site.project, project
    task = site.take(user)
    draft = site.begin(user, task["id"])
    body = {"version": task["version"], "kind": "choose", "side": "A", "active_ms": 9}
    # Decided, and still looked at: what one has decided stays one's own.
    decided = site.ask(user, "POST", f"/api/tasks/{task['id']}/decision", body)
    site.project = first
    film = task["film"]
    assert isinstance(film, dict)
    return {
        "project": project,
        "task": str(task["id"]),
        "draft": draft,
        "film": str(film["id"]),
        "revision": decided.json()["revision"],
        "side": "A",
        "name": "olga",
        "page": "no-such-page",
    }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    url = (
        None
        if request.param == "sqlite"
        else database(request.getfixturevalue("postgres"), "access")
    )
    store = Store.open(Path(tmp_path_factory.mktemp("station")), url)
    site = WebStation(store)
    site.unlimited()
    second = site.second_project()
    things = {
        "ann": things_of(site, site.ann, site.project),
        "sue": things_of(site, site.sue, site.project),
        "rex": things_of(site, site.rex, second),
    }
    callers: dict[str, User | None] = {
        "nobody": None,
        "newcomer": site.add_user("newcomer", "administrator", must_change=True),
        "admin": site.admin,
        "sue": site.sue,
        "ann": site.ann,
        "olga": site.olga,
        "rex": site.rex,
    }
    with site.client:
        yield World(site, things, callers)
    store.close()


def expected(route: str, caller: str, owner: str) -> int:
    """401, 403, 404 or 0 for passing: what the table says in words, written out once more.

    Args:
        route: method and path.
        caller: one of ``CALLERS``.
        owner: whose things are asked for: "ann", "sue" or "rex", who is of the other project.
    """
    rule = TABLE[route]
    if rule.scope == "public":
        return 0
    if caller == "nobody":
        return 401
    if rule.scope == "own":
        return 0
    if caller == "newcomer":
        return 403
    if rule.scope == "station":
        role = "reader" if caller == "rex" else next(iter(PARTS[caller]))
        return 0 if role in rule.roles else 403
    foreign = (owner == "rex") != (caller == "rex")
    parts = {"reader"} if caller == "rex" else PARTS[caller]
    if foreign and caller != "admin":
        return 404
    if rule.scope in ("task", "draft"):
        return 0 if owner == caller else 404
    if not parts & rule.roles:
        return 403
    if rule.scope in ("film", "revision") and caller not in (owner, "admin", "sue"):
        return 404
    return 0


@pytest.mark.parametrize("caller", CALLERS)
def test_every_endpoint_for_everybody(world: World, caller: str) -> None:
    wrong = []
    for route in ROUTES:
        if route == "DELETE /api/session":
            continue  # ends the session that the rest asks with; see test_routes_session.py
        method, path = route.split(" ")
        for owner in ("ann", "sue", "rex"):
            # An empty body is refused after the guard alone: 422 is a way of passing it.
            body = {} if method in ("POST", "PUT", "PATCH") else None
            whole = path.format(**world.things[owner])
            status = world.site.ask(world.callers[caller], method, whole, body).status_code
            wanted = expected(route, caller, owner)
            # An export of a project without an approved film is refused behind the guard, too.
            passed = status < 300 or status in (409, 422)
            nothing_there = {"GET /{page}": 404, "GET /metrics": 403, "GET /": 404}
            if nothing_there.get(route) == status and wanted == 0:
                passed = True
            if status != wanted if wanted else not passed:
                wrong.append(f"{caller} {route} of {owner}: {status}, not {wanted or 'passing'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("caller", ["admin", "sue", "ann", "olga", "rex"])
def test_things_that_are_nowhere_are_not_found(world: World, caller: str) -> None:
    nowhere = dict.fromkeys(("project", "task", "draft", "film", "revision"), "nowhere")
    nowhere |= {"side": "A", "name": "nobody", "page": "none"}
    for route in ROUTES:
        method, path = route.split(" ")
        if TABLE[route].scope in ("public", "own", "station"):
            continue
        body = {} if method in ("POST", "PUT") else None
        answer = world.site.ask(world.callers[caller], method, path.format(**nowhere), body)
        assert answer.status_code == 404, route
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("identifier", ["%00", "a%0Ab", "%ED%A0%80", "a" * 5000, "%2e%2e", "'--"])
def test_identifiers_that_are_none_are_not_found(world: World, identifier: str) -> None:
    for path in ("/api/tasks/{}", "/api/films/{}/full", "/api/projects/{}"):
        answer = world.site.ask(world.site.sue, "GET", path.format(identifier))
        assert answer.status_code == 404


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
    assert {route for route in public if "/api/" in route} == {"POST /api/session"}
    for route, rule in TABLE.items():
        if any(word in route for word in ("users", "audit", "members", "export", "plan", "propos")):
            assert rule.roles == ADMINISTRATOR, route
        if rule.scope in ("task", "draft"):
            assert rule.roles == DRAWING, route
        if "film" in route or "revision" in route:
            assert "observer" not in rule.roles, route


def test_a_member_is_never_more_than_the_account(world: World) -> None:
    site = world.site
    low = site.add_user("low", "observer")
    with site.store.begin() as c:
        projects.member(c, site.project, low, "senior")
        assert role_in(c, site.project, low) == "observer"
        assert role_in(c, site.project, site.sue) == "senior"
        assert role_in(c, site.project, site.admin) is None
    assert set(RANKS) == set(users.ROLES)


def test_who_has_left_a_project_has_no_tasks_in_it(store: Store) -> None:
    site = WebStation(store)
    task = site.take(site.ann)
    assert site.ask(site.ann, "GET", f"/api/tasks/{task['id']}").status_code == 200
    with store.begin() as c:
        projects.leave(c, site.project, site.ann)
    assert site.ask(site.ann, "GET", f"/api/tasks/{task['id']}").status_code == 404


def test_a_reader_sees_the_other_revision_only_after_the_own_decision(store: Store) -> None:
    site = WebStation(store)
    task = site.take(site.ann)
    # The lease runs out, ben gets the task and decides it; then ann decides it too.
    t = schema.tasks
    with store.begin() as c:
        c.execute(t.update().where(t.c.id == task["id"]).values(lease_until=1))
    other = site.take(site.ben)
    assert other["id"] == task["id"]
    body = {"version": other["version"], "kind": "choose", "side": "A"}
    theirs = site.ask(site.ben, "POST", f"/api/tasks/{task['id']}/decision", body).json()
    path = f"/api/revisions/{theirs['revision']}/mask"
    assert site.ask(site.ann, "GET", path).status_code == 404
    body = {"version": task["version"], "kind": "choose", "side": "B"}
    conflict = site.ask(site.ann, "POST", f"/api/tasks/{task['id']}/decision", body)
    assert conflict.status_code == 409
    assert conflict.json()["theirs"]["revision"] == theirs["revision"]
    assert site.ask(site.ann, "GET", path).status_code == 200
    own = conflict.json()["yours"]["revision"]
    assert site.ask(site.ben, "GET", f"/api/revisions/{own}/mask").status_code == 200
