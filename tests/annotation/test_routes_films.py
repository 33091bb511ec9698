"""Tests of `infmap.annotation.routes_films`."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image
from web_station import WebStation

from infmap.annotation.store import Store
from infmap.web.film_encoding import decode_film


@pytest.fixture
def site(store: Store) -> WebStation:
    return WebStation(store)


def test_a_film_comes_small_and_with_every_grey_level(site: WebStation) -> None:
    film = site.take(site.ann)["film"]
    assert isinstance(film, dict)
    full = site.ask(site.ann, "GET", f"/api/films/{film['id']}/full")
    levels, bits = decode_film(full.content)
    assert (levels.shape, bits) == ((40, 48), 12)
    assert levels.dtype == np.uint16
    preview = site.ask(site.ann, "GET", f"/api/films/{film['id']}/preview.jpg")
    assert preview.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(preview.content)) as picture:
        assert picture.size == (16, 14)
    for answer in (full, preview):
        assert answer.headers["cache-control"] == "no-store"


def test_a_film_whose_files_are_gone_is_not_found(site: WebStation) -> None:
    film = site.films[0]
    shutil.rmtree(site.store.film_folder(film))
    assert site.ask(site.admin, "GET", f"/api/films/{film}/full").status_code == 404


def test_earlier_films_of_the_patient_come_with_their_distance(site: WebStation) -> None:
    late = site.film("late", patient="p", day=20_010)
    early = site.film("early", patient="p", day=20_000)
    found = site.ask(site.admin, "GET", f"/api/films/{late}/priors").json()
    assert found == [{"film": early, "days_before": 10}]
    assert site.ask(site.admin, "GET", f"/api/films/{early}/priors").json() == []
