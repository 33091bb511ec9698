"""Films of a project, and earlier films of the same patient."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.annotation import films
from infmap.annotation.errors import NotFound
from infmap.annotation.films import Prior, patient_hash
from infmap.annotation.store import get_mask
from infmap.web.masks import encode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import HEIGHT, WIDTH, Station, box, digest  # noqa: E402

KEY = b"k" * 32


def test_a_film_comes_back_as_it_came_in(station: Station) -> None:
    lungs = encode(box(1, 1, 30, 30, "lungs"))
    film_id = station.film("a", day=19_000, patient=patient_hash(KEY, "P1"), lungs=lungs)
    with station.store.read() as c:
        film = films.get(c, film_id)
        assert film.lungs is not None and get_mask(c, film.lungs) == lungs
        assert films.every(c, station.project) == [film]
        with pytest.raises(NotFound):
            films.get(c, "none")
    assert (film.width, film.height, film.bits, film.sha256) == (WIDTH, HEIGHT, 12, digest("a"))
    assert (film.day, film.has_patient, film.state) == (19_000, True, "open")


def test_a_file_comes_in_once_and_may_bring_lungs_later(station: Station) -> None:
    first = station.film("a")
    lungs = encode(box(1, 1, 30, 30, "lungs"))
    assert station.film("a", lungs=lungs) == first
    with station.store.begin() as c:
        film = films.get(c, first)
        assert film.lungs is not None
        films.set_lungs(c, first, encode(box(2, 2, 30, 30, "lungs")))
        assert films.get(c, first).lungs != film.lungs


def test_a_patient_is_kept_as_a_keyed_hash(station: Station) -> None:
    assert patient_hash(KEY, "P1") == patient_hash(KEY, " P1 ")
    assert patient_hash(KEY, "P1") != patient_hash(KEY, "P2")
    assert patient_hash(KEY, "P1") != patient_hash(b"x" * 32, "P1")


def test_priors_are_the_same_patients_earlier_films_the_latest_first(station: Station) -> None:
    mine, other = patient_hash(KEY, "P1"), patient_hash(KEY, "P2")
    old = station.film("old", patient=mine, day=100)
    recent = station.film("recent", patient=mine, day=107)
    now = station.film("now", patient=mine, day=110)
    station.film("later", patient=mine, day=120)
    station.film("another's", patient=other, day=100)
    unknown = station.film("no patient", day=110)
    undated = station.film("no date", patient=mine)
    with station.store.read() as c:
        assert films.priors(c, now) == [Prior(recent, 3), Prior(old, 10)]
        assert films.priors(c, now, most=1) == [Prior(recent, 3)]
        for film in (old, unknown, undated):
            assert films.priors(c, film) == []
        with pytest.raises(NotFound):
            films.priors(c, "none")


def test_two_films_of_one_day_are_not_each_others_prior(station: Station) -> None:
    pair = [station.film(name, patient=patient_hash(KEY, "P1"), day=100) for name in "ab"]
    with station.store.read() as c:
        found = [films.priors(c, film) for film in pair]
    assert sorted(map(len, found)) == [0, 1]


def test_a_reader_sees_given_films_and_their_priors_only(station: Station) -> None:
    mine = patient_hash(KEY, "P1")
    old = station.film("old", patient=mine, day=100)
    station.film("now", patient=mine, day=110)
    station.plan()
    others = station.film("another's"), station.film("later", patient=mine, day=120)
    given = {station.next(station.ann, n * 10**9).film for n in range(1)}
    second = station.next(station.ben)
    assert second is not None
    with station.store.read() as c:
        for user, film in ((station.ann, given.pop()), (station.ben, second.film)):
            assert films.visible(c, film, user.id)
            assert films.visible(c, old, user.id)
            assert not any(films.visible(c, other, user.id) for other in others)
        assert not films.visible(c, old, station.olga.id)
        assert not films.visible(c, "none", station.ann.id)
