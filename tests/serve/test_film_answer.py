"""Tests of `infmap.serve.film_answer`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from sqlalchemy import update
from web_server import WebServer, film

from infmap.serve import results, schema
from infmap.serve.answers import FilmAnswer
from infmap.serve.callers import Desk
from infmap.serve.errors import NotFound
from infmap.serve.film_answer import film_answer, stored_film


def answer(desk: Desk, film: str) -> FilmAnswer:
    with desk.store.read() as c:
        stored = stored_film(c, film, None)
    return film_answer(desk, stored)


def test_the_same_patient_is_told_in_order(web: WebServer) -> None:
    films = [web.read(film(number)) for number in (1, 2, 3)]
    r = schema.results
    with web.store.begin() as c:
        for day, one in zip((100, 90, 107), films, strict=True):
            c.execute(update(r).where(r.c.film_id == one).values(patient="p" * 64, study_date=day))
    told = answer(web.desk, films[0])
    assert [(one["film"], one["days"]) for one in told["same_patient"]] == [
        (films[1], -10), (films[2], 7),
    ]  # fmt: skip
    assert told["study_date"] == "2021-02-03"
    assert [told["view"], *(one["view"] for one in told["same_patient"])] == ["AP"] * 3
    assert told["window"] == {"center": 128.0, "width": 256.0}


def test_results_without_a_view_are_told_as_such(web: WebServer) -> None:
    first, old, gone = (web.read(film(number)) for number in (1, 2, 3))
    r = schema.results
    with web.store.begin() as c:
        c.execute(update(r).values(patient="p" * 64, study_date=100))
    # As written before views were noted; and a folder that somebody removed.
    facts = results.folder(web.store, old) / results.FACTS
    written = json.loads(facts.read_text())
    del written["view"]
    facts.write_text(json.dumps(written))
    shutil.rmtree(results.folder(web.store, gone))
    assert answer(web.desk, old)["view"] is None
    views = {one["film"]: one["view"] for one in answer(web.desk, first)["same_patient"]}
    assert views == {old: None, gone: None}


def test_the_views_of_a_course_are_told_without_its_files(web: WebServer) -> None:
    first, *more = (web.read(film(number)) for number in (1, 2, 3))
    r = schema.results
    with web.store.begin() as c:
        c.execute(update(r).values(patient="p" * 64, study_date=100, view="PA"))
        c.execute(update(r).where(r.c.film_id == more[1]).values(view=""))
    for one in more:
        shutil.rmtree(results.folder(web.store, one))
    views = {one["film"]: one["view"] for one in answer(web.desk, first)["same_patient"]}
    assert views == {more[0]: "PA", more[1]: None}


def test_a_model_that_was_replaced_since_is_known_by_its_threshold_alone(web: WebServer) -> None:
    found = web.read(film(1))
    gone = replace(web.desk, models={})
    threshold = web.models["infmap-lite0"].thresholds.infection
    assert answer(gone, found)["thresholds"] == {
        "infection": threshold, "opacity": None, "film": None,
    }  # fmt: skip
    with pytest.raises(NotFound):
        answer(web.desk, "nowhere")


def test_points_are_those_of_the_result(web: WebServer) -> None:
    thresholds = web.models["infmap-lite0"].thresholds
    own, named = web.read(film(1)), web.read(film(1), query=f"&threshold={thresholds.infection}")
    told = answer(web.desk, own)["thresholds"]
    assert told["film"] == thresholds.film != thresholds.infection
    # A threshold that a job names is the point of the film too.
    assert answer(web.desk, named)["thresholds"] == told | {"film": None}
