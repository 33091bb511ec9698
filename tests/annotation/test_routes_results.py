"""Tests of `infmap.annotation.routes_results`."""

from __future__ import annotations

import base64
import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from httpx import Response
from small_station import box, new_store
from web_station import WebStation

from infmap.annotation import films
from infmap.web.masks import decode, encode


@pytest.fixture
def site(tmp_path: Path) -> WebStation:
    return WebStation(new_store(tmp_path / "station"))


def decide_all(site: WebStation) -> None:
    for _ in site.films:
        task = site.take(site.ann)
        body = {"version": task["version"], "kind": "choose", "side": "A", "active_ms": 60_000}
        made = site.ask(site.ann, "POST", f"/api/tasks/{task['id']}/decision", body)
        assert made.status_code == 200


def test_agreement_tells_of_readers_networks_and_time(site: WebStation) -> None:
    decide_all(site)
    told = site.ask(site.olga, "GET", f"/api/projects/{site.project}/agreement")
    assert told.status_code == 200
    report = told.json()
    assert (report["project"], report["films"]) == ("chest", 2)
    assert {figure["network"] for figure in report["networks"]} == {"net0@1", "net1@1", "net2@1"}


def test_agreement_of_nothing_is_a_report_without_figures(site: WebStation) -> None:
    told = site.ask(site.sue, "GET", f"/api/projects/{site.project}/agreement")
    assert (told.status_code, told.json()["films"]) == (200, 0)


def test_an_export_is_one_zip_file_and_nothing_stays_behind(
    site: WebStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    path = f"/api/projects/{site.project}/export.zip"
    refused = site.ask(site.admin, "GET", path)
    assert (refused.status_code, set(refused.json())) == (422, {"error"})
    decide_all(site)
    packed = site.ask(site.admin, "GET", path)
    assert packed.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert sum(name.endswith(".png") for name in names) >= len(site.films)
    assert any(name.endswith(".json") for name in names)
    assert list((tmp_path / "tmp").iterdir()) == []


def bring(site: WebStation, film: str, mask: bytes, **more: object) -> Response:
    body = {"film": film, "network": "net9@2", "round": 2} | more
    body["mask"] = base64.b64encode(mask).decode()
    return site.ask(site.admin, "POST", f"/api/projects/{site.project}/proposals", body)


def test_a_worker_elsewhere_asks_for_films_and_brings_masks(site: WebStation) -> None:
    path = f"/api/projects/{site.project}/unproposed?network=net9@2&round=2"
    wanted = site.ask(site.admin, "GET", path).json()
    assert sorted(wanted) == sorted(site.films)
    lungs = base64.b64encode(encode(box(3, 3, 30, 30, "lungs"))).decode()
    made = [bring(site, film, encode(box(5, 5, 9, 9)), lungs=lungs) for film in wanted]
    assert [answer.status_code for answer in made] == [201, 201]
    again = bring(site, wanted[0], encode(box(5, 5, 9, 9)))
    assert again.json() == made[0].json()
    assert site.ask(site.admin, "GET", path).json() == []


def test_lungs_that_a_worker_brings_are_kept_where_a_film_has_none(site: WebStation) -> None:
    film = site.film("bare")
    lungs = encode(box(3, 3, 30, 30, "lungs"))
    bring(site, film, encode(box(5, 5, 9, 9)), lungs=base64.b64encode(lungs).decode())
    with site.store.read() as c:
        digest = films.get(c, film).lungs
        assert digest is not None


@pytest.mark.parametrize(
    ("mask", "more"),
    [
        (b"", {}),
        (b"IMK1 and then nothing", {}),
        (encode(decode(encode(box(1, 1, 2, 2)))[:10]), {}),
        (encode(box(1, 1, 2, 2)), {"round": 0}),
        (encode(box(1, 1, 2, 2)), {"network": ""}),
        (encode(box(1, 1, 2, 2)), {"lungs": "not base64"}),
    ],
)
def test_what_is_no_proposal_is_refused(
    site: WebStation, mask: bytes, more: dict[str, object]
) -> None:
    assert bring(site, site.films[0], mask, **more).status_code == 422


def test_a_film_of_another_project_takes_no_proposal_here(site: WebStation) -> None:
    second = site.second_project()
    with site.store.read() as c:
        foreign = films.every(c, second)[0].id
    assert bring(site, foreign, encode(box(1, 1, 2, 2))).status_code == 404
