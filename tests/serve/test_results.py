"""Results: one a film, seen by those whose film it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_server import SmallServer

from infmap.core.files import write_json
from infmap.serve import items, keys, results
from infmap.serve.errors import NotFound
from infmap.serve.results import film_id, patient_hash

KEY, OTHER = b"k" * 32, b"o" * 32


def test_identifiers_depend_on_film_model_threshold_and_key() -> None:
    made = {
        film_id(KEY, "a", "m", 0.5, False), film_id(OTHER, "a", "m", 0.5, False),
        film_id(KEY, "b", "m", 0.5, False), film_id(KEY, "a", "n", 0.5, False),
        film_id(KEY, "a", "m", 0.6, False), film_id(KEY, "a", "m", 0.5, True),
    }  # fmt: skip
    assert len(made) == 6 and {len(one) for one in made} == {22}
    assert film_id(KEY, "a", "m", 0.5, False) in made


def test_patients_of_two_hospitals_with_one_number_are_two() -> None:
    assert patient_hash(KEY, "", " ") is None
    one = patient_hash(KEY, "north", " 17 ")
    assert one == patient_hash(KEY, "north", "17") != patient_hash(KEY, "south", "17")
    assert one != patient_hash(OTHER, "north", "17") and one is not None and "17" not in one[:2]


def finish(small: SmallServer, patient: str | None, day: int | None) -> str:
    """End the one item that is queued; returns the film's identifier."""
    (item,) = small.claim()
    made = small.result(item, patient=patient, day=day)
    with small.store.begin() as c:
        items.finish(c, [(item, made)])
    return made.film


def test_a_result_that_stands_is_not_replaced(small: SmallServer) -> None:
    small.job("a")
    film = finish(small, "p", 10)
    with small.store.begin() as c:
        before = results.get(c, film)
        results.keep(c, results.Result(**(vars(before) | {"status": "failed", "patient": None})))
        assert results.get(c, film) == before
        with pytest.raises(NotFound):
            results.get(c, "none")


def test_a_result_that_failed_gives_way(small: SmallServer) -> None:
    small.job("a")
    (told,) = small.finish(*small.claim(), status="failed")
    small.job("a")
    small.finish(*small.claim())
    with small.store.read() as c:
        assert results.get(c, told.film).status == "ok"


def test_a_film_is_seen_by_keys_whose_job_has_it(small: SmallServer) -> None:
    with small.store.begin() as c:
        ann, ben = keys.create(c, "ann")[0].id, keys.create(c, "ben")[0].id
    small.job("a", key=ann)
    film = finish(small, None, None)
    with small.store.read() as c:
        assert results.visible(c, film, ann) and results.visible(c, film, None)
        assert not results.visible(c, film, ben) and not results.visible(c, "none", None)
        assert results.name(c, film, ann) == ("a", "lite")
        with pytest.raises(NotFound):
            results.name(c, film, ben)


def test_other_films_of_the_patient_are_those_the_key_may_see(small: SmallServer) -> None:
    with small.store.begin() as c:
        ann, ben = keys.create(c, "ann")[0].id, keys.create(c, "ben")[0].id
    made = {}
    for name, key, patient, day in (
        ("first", ann, "p", 100), ("second", ann, "p", 107), ("foreign", ben, "p", 103),
        ("other", ann, "q", 100), ("undated", ann, "p", None), ("nobody", ann, None, 100),
    ):  # fmt: skip
        small.job(name, key=key)
        made[name] = finish(small, patient, day)
    with small.store.read() as c:
        found = results.same_patient(c, results.get(c, made["second"]), ann)
        assert [(same.film, same.days) for same in found] == [(made["first"], -7)]
        assert (found[0].infected_fraction, found[0].score) == (0.1, 3.0)
        everybodys = results.same_patient(c, results.get(c, made["second"]), None)
        assert [same.days for same in everybodys] == [-7, -4]
        assert results.same_patient(c, results.get(c, made["nobody"]), ann) == []
        assert results.same_patient(c, results.get(c, made["undated"]), ann) == []


def test_the_same_film_with_another_model_is_told(small: SmallServer) -> None:
    small.job("a")
    film = finish(small, None, None)
    small.job("a", models=["large"])
    other = finish(small, None, None)
    with small.store.read() as c:
        assert results.others(c, results.get(c, film), None) == [(other, "large")]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", "ä", "a.b", "-_"])
def test_what_is_no_identifier_never_becomes_a_path(small: SmallServer, name: str) -> None:
    with pytest.raises(NotFound):
        results.folder(small.store, name)


def test_files_of_a_result_are_read_or_not_found(small: SmallServer) -> None:
    film = "A" * 22
    for read in (results.line, results.facts):
        with pytest.raises(NotFound):
            read(small.store, film)
    with pytest.raises(NotFound):
        results.layer(small.store, film, "lungs")
    folder = results.folder(small.store, film)
    folder.mkdir(parents=True)
    write_json(folder / results.LINE, {"id": film, "status": "ok"})
    facts = {
        "width": 2, "height": 3, "bits": 8, "window_center": 128.0, "window_width": 256.0,
        "study_date": "2026-01-02", "pixel_spacing": [0.1, 0.2], "dicom": True, "figures": None,
    }  # fmt: skip
    write_json(folder / results.FACTS, facts)
    Path(folder / "lungs.png").write_bytes(b"png")
    assert results.line(small.store, film) == {"id": film, "status": "ok"}
    assert results.facts(small.store, film)["pixel_spacing"] == (0.1, 0.2)
    assert results.layer(small.store, film, "lungs").read_bytes() == b"png"
