"""Tests of `infmap.annotation.routes_tasks`, over SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from httpx import Response
from small_station import box
from web_station import WebStation

from infmap.annotation import decisions, schema, tasks
from infmap.annotation.answers import GUIDES
from infmap.annotation.store import Store, now
from infmap.web.headers import HEADERS
from infmap.web.masks import decode, encode


@pytest.fixture
def site(store: Store) -> WebStation:
    return WebStation(store)


def test_a_task_is_told_with_all_that_a_page_needs(site: WebStation) -> None:
    task = site.take(site.ann)
    assert task["kind"] == "choose"
    assert task["project"] == {
        "id": site.project, "name": "chest", "labels": ["infection", "lungs"]
    }  # fmt: skip
    film = task["film"]
    assert isinstance(film, dict)
    assert film["id"] in site.films
    assert (film["width"], film["height"], film["bits"]) == (48, 40, 12)
    assert film["window"] == {"center": 2047.5, "width": 4095.0}
    assert (task["candidates"], task["lungs"], task["draft"]) == (["A", "B", "C"], True, None)
    assert 1790 <= int(str(task["deadline_s"])) <= 1800
    assert site.take(site.ann) == {**task, "deadline_s": site.take(site.ann)["deadline_s"]}
    got = site.ask(site.ann, "GET", f"/api/tasks/{task['id']}").json()
    assert {**got, "deadline_s": 0} == {**task, "deadline_s": 0}


def test_when_nothing_is_left_there_is_no_task(site: WebStation) -> None:
    for _ in site.films:
        choose(site, site.ann, site.take(site.ann))
    answer = site.ask(site.ann, "POST", f"/api/projects/{site.project}/next")
    assert (answer.status_code, answer.content) == (204, b"")


def choose(site: WebStation, user: object, task: Mapping[str, object], **more: object) -> Response:
    body = {"version": task["version"], "kind": "choose", "side": "A", "active_ms": 1500, **more}
    return site.ask(user, "POST", f"/api/tasks/{task['id']}/decision", body)  # type: ignore[arg-type]


def test_the_film_after_is_told_for_an_early_fetch(site: WebStation) -> None:
    task = site.take(site.ann)
    film = task["film"]
    assert isinstance(film, dict)
    path = f"/api/projects/{site.project}/upcoming"
    coming = site.ask(site.ann, "GET", path).json()
    assert coming == [name for name in site.films if name != film["id"]]
    assert site.ask(site.ann, "GET", f"/api/films/{coming[0]}/full").status_code == 200
    choose(site, site.ann, task)
    following = site.take(site.ann)["film"]
    assert isinstance(following, dict)
    assert following["id"] == coming[0]


def test_a_candidate_is_the_mask_on_its_side(site: WebStation) -> None:
    task = site.take(site.ann)
    shown = []
    for side in "ABC":
        answer = site.ask(site.ann, "GET", f"/api/tasks/{task['id']}/candidates/{side}")
        assert answer.headers["content-type"] == "application/octet-stream"
        with site.store.read() as c:
            assert answer.content == tasks.candidate(c, str(task["id"]), side, site.ann)
        shown.append(answer.content)
    assert len(set(shown)) == 3
    assert site.ask(site.ann, "GET", f"/api/tasks/{task['id']}/candidates/D").status_code == 404
    assert site.ask(site.ann, "GET", f"/api/tasks/{task['id']}/candidates/AA").status_code == 422


def test_lungs_come_where_there_are_some(site: WebStation) -> None:
    task = site.take(site.ann)
    path = f"/api/tasks/{task['id']}/lungs"
    lungs = decode(site.ask(site.ann, "GET", path).content)
    np.testing.assert_array_equal(lungs, box(2, 2, 38, 46, "lungs"))
    with site.store.begin() as c:
        c.execute(schema.films.update().values(lungs=None))
    assert site.ask(site.ann, "GET", path).status_code == 404


def test_a_task_can_be_kept_and_given_back(site: WebStation) -> None:
    task = site.take(site.ann)
    path = f"/api/tasks/{task['id']}"
    version = {"version": task["version"]}
    with site.store.begin() as c:
        c.execute(schema.tasks.update().values(lease_until=now() + 60_000))
    assert site.ask(site.ann, "POST", f"{path}/renew", version).json()["deadline_s"] > 1700
    assert site.ask(site.ann, "POST", f"{path}/release", version).status_code == 204
    gone = site.ask(site.ann, "POST", f"{path}/renew", version)
    assert (gone.status_code, gone.json()["version"]) == (409, task["version"])
    assert "another reader" in gone.json()["error"]


def test_a_decision_is_made_once_however_often_it_is_sent(site: WebStation) -> None:
    task = site.take(site.ann)
    first, again = choose(site, site.ann, task), choose(site, site.ann, task)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    with site.store.read() as c:
        assert len(decisions.of_task(c, str(task["id"]))) == 1
    after = site.ask(site.ann, "GET", f"/api/tasks/{task['id']}").json()
    assert (after["state"], after["parent"]) == ("decided", first.json()["revision"])


def test_of_two_tabs_that_decide_one_gets_a_conflict_and_both_are_kept(site: WebStation) -> None:
    task = site.take(site.ann)
    kept = choose(site, site.ann, task).json()["revision"]
    late = choose(site, site.ann, task, side="B")
    assert late.status_code == 409
    told = late.json()
    assert told["theirs"] == {
        "revision": kept, "kind": "choose", "side": "A", "mask": True, "mine": True
    }  # fmt: skip
    yours = told["yours"]["revision"]
    assert {yours, kept} == {row.id for row in revisions(site)}
    for revision in (yours, kept):
        assert site.ask(site.ann, "GET", f"/api/revisions/{revision}/mask").status_code == 200
    version = site.ask(site.ann, "GET", f"/api/tasks/{task['id']}").json()["version"]
    settled = choose(site, site.ann, {**task, "version": version}, side="B", parent=kept)
    assert settled.status_code == 200


def revisions(site: WebStation) -> list[decisions.Revision]:
    with site.store.read() as c:
        ids = c.execute(schema.tasks.select()).all()
        return [revision for row in ids for revision in decisions.of_task(c, row.id)]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "choose", "side": "D"},
        {"kind": "choose"},
        {"kind": "reject"},
        {"kind": "reject", "reason": ""},
        {"kind": "edit"},
        {"kind": "draw", "reason": "a reason where none belongs"},
        {"kind": "skip"},
        {"kind": "choose", "side": "A", "origin": "hand"},
        {"kind": "choose", "side": "A", "active_ms": -1},
    ],
)
def test_decisions_that_make_no_sense_are_refused_in_one_line(
    site: WebStation, body: dict[str, object]
) -> None:
    task = site.take(site.ann)
    whole = {"version": task["version"], **body}
    answer = site.ask(site.ann, "POST", f"/api/tasks/{task['id']}/decision", whole)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error"}
    assert "\n" not in answer.json()["error"]
    assert revisions(site) == []


def comparing(store: Store) -> WebStation:
    """Hand against machine: ben is to compare what ann outlined."""
    site = WebStation(store)
    site.rules(stage=1)
    film = site.film("outlined", lungs=encode(box(2, 2, 38, 46, "lungs")))
    site.write(film)
    own = schema.tasks.c.film_id == film
    with site.store.begin() as c:  # the one film that there is to read
        c.execute(schema.tasks.update().values(state="decided", decided=1))
    site.plan()
    assert site.read(site.ann, box(5, 5, 20, 24)) is not None
    site.propose(film, [box(5, 6, 20, 24)], round=2)
    site.plan()
    with site.store.read() as c:
        assert {row.kind for row in c.execute(schema.tasks.select().where(own))} == {
            "draw", "compare"
        }  # fmt: skip
    return site


def adjudicating(store: Store) -> WebStation:
    """Ann and ben disagree: sue is to decide."""
    site = WebStation(store)
    site.rules(readers_per_film=2)
    site.plan()
    for user, mask in ((site.ann, box(5, 5, 20, 24)), (site.ben, box(25, 25, 38, 38))):
        task = site.next(user)
        assert task is not None
        site.decide(task, user, "draw", draft=site.draw(task, user, mask))
    return site


@pytest.mark.parametrize(
    ("kind", "made", "reader"),
    [
        ("choose", WebStation, "ann"),
        ("compare", comparing, "ben"),
        ("adjudicate", adjudicating, "sue"),
    ],
)
def test_no_answer_before_the_decision_tells_where_a_candidate_comes_from(
    store: Store, kind: str, made: Callable[[Store], WebStation], reader: str
) -> None:
    """Bodies, headers, names and sizes of everything that a reader of a task can ask."""
    site = made(store)
    user = getattr(site, reader)
    first = site.take(user)
    assert first["kind"] == kind
    film = first["film"]
    assert isinstance(film, dict)
    shown = [str(side) for side in first["candidates"]]  # type: ignore[attr-defined]
    assert shown == list("ABC"[: 3 if kind == "choose" else 2])
    paths = [
        f"/api/tasks/{first['id']}", "/api/projects", "/api/me",
        f"/api/tasks/{first['id']}/lungs", f"/api/films/{film['id']}/priors",
        f"/api/films/{film['id']}/full", f"/api/films/{film['id']}/preview.jpg",
        f"/api/projects/{site.project}/upcoming",
        *(f"/api/tasks/{first['id']}/candidates/{side}" for side in shown),
    ]  # fmt: skip
    answers = [site.ask(user, "GET", path) for path in paths]
    draft = {"base": "B", "tab": "t"}
    answers.append(site.ask(user, "POST", f"/api/tasks/{first['id']}/draft", draft))
    answers.append(site.ask(user, "POST", f"/api/tasks/{first['id']}/renew", {"version": 1}))
    answers.append(site.ask(user, "GET", f"/api/tasks/{first['id']}/candidates/D"))
    secrets = {"net0", "net1", "net2", "@1", "proposal", "origin", "hand", "network", "ann", "ben"}
    secrets -= {reader}
    with site.store.read() as c:
        of = schema.presentations.c
        rows = c.execute(schema.presentations.select().where(of.task_id == first["id"])).all()
        secrets |= {row.proposal_id or row.revision_id for row in rows} | {row.mask for row in rows}
        secrets |= {row.id for row in c.execute(schema.networks.select())}
        secrets |= {row.mask for row in c.execute(schema.proposals.select())}
        secrets |= {row.id for row in c.execute(schema.revisions.select())}
        secrets |= {row.id for row in c.execute(schema.users.select())}
    for answer in answers:
        assert answer.status_code in (200, 404, 409), answer.request.url
        textual = "json" in answer.headers["content-type"]
        # One sentence a kind of task, the same for every task of it.
        said = answer.text.replace(GUIDES[kind], "") if textual else ""
        # The names of the headers that every answer has speak of origins of another kind.
        said += json.dumps({k: v for k, v in answer.headers.items() if k.title() not in HEADERS})
        found = [secret for secret in secrets if secret in said]
        assert not found, (str(answer.request.url), found)
    sides = [a for a in answers if "/candidates/" in str(a.request.url) and a.status_code == 200]
    assert len(sides) == len(shown)
    names = [sorted(set(a.headers) - {"content-length", "x-request-id"}) for a in sides]
    assert all(name == names[0] for name in names)
    values = [
        {k: v for k, v in a.headers.items() if k not in ("content-length", "x-request-id")}
        for a in sides
    ]
    assert all(value == values[0] for value in values)


def test_a_size_tells_of_the_mask_and_not_of_who_made_it(site: WebStation) -> None:
    """Equal pixels are equal bytes, whoever drew them."""
    film = site.film("c")
    mask = box(4, 4, 12, 30)
    site.propose(film, [mask, mask], round=3)
    with site.store.read() as c:
        digests = {
            row.mask
            for row in c.execute(
                schema.proposals.select().where(schema.proposals.c.film_id == film)
            )
        }
    assert len(digests) == 1
    assert encode(mask) == encode(mask.copy())
