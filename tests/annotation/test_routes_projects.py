"""Tests of `infmap.annotation.routes_projects`."""

from __future__ import annotations

import pytest
from web_station import WebStation

from infmap.annotation import projects
from infmap.annotation.store import Store


@pytest.fixture
def site(store: Store) -> WebStation:
    return WebStation(store)


def test_users_see_their_projects_and_administrators_all(site: WebStation) -> None:
    other = site.second_project()
    own = site.ask(site.ann, "GET", "/api/projects").json()
    assert [(p["id"], p["role"], p["done"], p["left"]) for p in own] == [
        (site.project, "reader", 0, 2)
    ]
    every = site.ask(site.admin, "GET", "/api/projects").json()
    assert {p["id"] for p in every} == {site.project, other}
    assert {p["role"] for p in every} == {None}


def test_a_project_is_made_with_its_rules(site: WebStation) -> None:
    body = {
        "name": "Ward 7", "labels": ["lungs", "infection"],
        "settings": {"stage": 1, "readers_per_film": 2, "seed": 7},
    }  # fmt: skip
    made = site.ask(site.admin, "POST", "/api/projects", body)
    assert made.status_code == 201
    with site.store.read() as c:
        project = projects.get(c, made.json()["id"])
    assert project.labels == ("infection", "lungs")
    assert (project.settings.readers_per_film, project.settings.seed) == (2, 7)
    again = site.ask(site.admin, "POST", "/api/projects", body)
    assert (again.status_code, "is there already" in again.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "nul\0"},
        {"name": "x", "labels": ["heart"]},
        {"name": "x", "settings": {"readers_per_film": 9}},
        {"name": "x", "settings": {"candidates": 8}},
        {"name": "x", "settings": {"order": "alphabet"}},
        {"name": "x", "settings": {"repeat_share": 0.9}},
    ],
)
def test_projects_that_make_no_sense_are_refused(site: WebStation, body: dict[str, object]) -> None:
    assert site.ask(site.admin, "POST", "/api/projects", body).status_code == 422


def test_half_a_character_is_no_text(site: WebStation) -> None:
    headers = site.headers(site.admin) | {"Content-Type": "application/json"}
    content = b'{"name": "half \\ud800"}'
    answer = site.client.post("/api/projects", content=content, headers=headers)
    assert (answer.status_code, set(answer.json())) == (422, {"error"})


def test_members_are_set_and_changed(site: WebStation) -> None:
    site.add_user("eve", "senior")
    path = f"/api/projects/{site.project}/members/eve"
    for role in ("reader", "senior"):
        assert site.ask(site.admin, "PUT", path, {"role": role}).status_code == 204
        with site.store.read() as c:
            parts = {member.user.name: member.role for member in projects.members(c, site.project)}
        assert parts["eve"] == role
    missing = path.replace("eve", "nobody")
    assert site.ask(site.admin, "PUT", missing, {"role": "reader"}).status_code == 404
    assert site.ask(site.admin, "PUT", path, {"role": "administrator"}).status_code == 422


def test_nobody_becomes_more_in_a_project_than_the_account_is(site: WebStation) -> None:
    path = f"/api/projects/{site.project}/members/ann"
    refused = site.ask(site.admin, "PUT", path, {"role": "senior"})
    assert refused.status_code == 422
    assert "ann is a reader" in refused.json()["error"]


def test_films_that_came_in_are_planned(site: WebStation) -> None:
    site.film("new")
    path = f"/api/projects/{site.project}/plan"
    assert site.ask(site.admin, "POST", path).json() == {"made": 1, "withdrawn": 0}
    assert site.ask(site.admin, "POST", path).json() == {"made": 0, "withdrawn": 0}


def test_progress_is_told_to_those_who_watch(site: WebStation) -> None:
    told = site.ask(site.olga, "GET", f"/api/projects/{site.project}").json()
    assert (told["name"], told["films"]["open"]) == ("chest", 2)
    assert told["stages"] == [{"stage": 2, "done": 0, "left": 2}]
