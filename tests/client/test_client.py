"""Tests of `infmap.client.client`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import httpx
import pytest
from client_site import Site
from web_server import film, sha

from infmap.client.films import mapping
from infmap.core.errors import PeerError, RejectedFilm, UnreadableFilm, UsageError


def test_one_film_is_read_and_is_one_result_however_often(site: Site) -> None:
    with site.client() as client:
        read = client.predict(site.films / "a.png")
        assert (read.name, read.model) == ("a.png", "infmap-lite0")
        assert read.figures["infected_fraction"] == 0.1
        assert client.predict(site.films / "a.png").id == read.id
        assert client.film(read).answer["width"] == 64
        at = client.predict(site.films / "a.png", threshold=0.3, model="infmap-lite0")
        assert at.id != read.id
        assert at.answer["thresholds"]["infection"] == 0.3  # type: ignore[index,call-overload]


def test_films_that_are_not_read_say_why(site: Site, tmp_path: Path) -> None:
    site.server.reader.rejects.add(sha(film(2)))
    (tmp_path / "no.png").write_bytes(b"no film")
    with site.client() as client:
        with pytest.raises(RejectedFilm, match="no chest film"):
            client.predict(site.films / "b.png")
        with pytest.raises(UnreadableFilm, match="no chest film"):
            client.predict(tmp_path / "no.png")
        with pytest.raises(UsageError, match="there is no such file"):
            client.predict(tmp_path / "nowhere.png")
        with pytest.raises(UsageError, match="expected one or more of infmap-lite0"):
            client.predict(site.films / "a.png", model="none")


def test_a_folder_is_a_job_and_known_films_are_not_sent_again(site: Site) -> None:
    with site.client() as client:
        job = client.submit([site.films])
        done = job.results()
        assert [one.name for one in done] == ["a.png", "b.png", "c.png", "d.png"]
        assert {one.status for one in done} == {"ok"}
        assert len({one.film for one in done}) == 3
        assert job.state == "done"
        site.server.store.uploads.rename(site.films / ".gone")  # no upload could be kept
        again = client.submit([site.films], models=["infmap-lite0"])
        assert [one.film for one in again.results()] == [one.film for one in done]


def test_a_job_that_was_stopped_half_way_goes_on(site: Site) -> None:
    own = "chosen-by-the-client-1"
    with site.client() as client:
        first = client.submit([site.films / "a.png", site.films / "b.png"], id=own)
        again = client.submit([site.films / "a.png", site.films / "b.png"], id=own)
        assert first.id == again.id == own
        assert len(again.results()) == 2
        with pytest.raises(UsageError, match="expected one or more files"):
            client.submit([])


def test_downloads_are_whole_or_not_there(site: Site, tmp_path: Path) -> None:
    with site.client() as client:
        read = client.predict(site.films / "a.png")
        got = client.download(read, "infection", tmp_path / "map.png")
        assert got.read_bytes().startswith(b"\x89PNG")
        line = client.download(read.id, "json", tmp_path / "line.json")
        assert read.id in line.read_text()
        with pytest.raises(UsageError, match="there is none"):
            client.download("nowhere", "json", tmp_path / "none.json")
        (event,) = client.submit([site.films / "a.png"]).results()
        assert client.film(event).id == read.id
    assert not (tmp_path / "none.json").exists()


def test_films_are_deleted_one_by_one_and_by_the_job(site: Site, tmp_path: Path) -> None:
    with site.client() as client:
        job = client.submit([site.films])
        first, *others = job.films()
        client.delete(first)
        for gone in (client.delete, client.film):
            with pytest.raises(UsageError, match="there is none"):
                gone(first)
        assert others
        assert client.film(others[0]).id == others[0].film
        job.delete_films()
        with pytest.raises(UsageError, match="there is none"):
            client.film(others[0])


def test_a_zip_file_becomes_its_films(site: Site, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as packed:
        for number in (5, 6):
            packed.writestr(f"{number}.png", film(number))
    with site.client() as client:
        done = client.submit([tmp_path / "films.zip"]).results()
    assert sorted(Path(one.name).name for one in done) == ["5.png", "6.png"]
    assert {one.status for one in done} == {"ok"}


def test_a_film_that_takes_long_is_waited_for_as_a_job(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.client.client.WAIT", "0")
    reader = site.server.reader

    class Slow(httpx.HTTPTransport):
        """The film is read only when its job is asked about."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            reader.asleep = not request.url.path.endswith("/events")
            reader.wake()
            return super().handle_request(request)

    with site.client(Slow()) as client:
        (model,) = client.models()
        assert model["default"] is True
        errors = mapping(mapping(model["areas"])["errors"])
        assert set(errors) == {"infection", "opacity", "population"}
        assert client.predict(site.films / "a.png").name == "a.png"
        (site.films / "no.png").write_bytes(b"no film")
        with pytest.raises(UnreadableFilm, match="no chest film"):
            client.predict(site.films / "no.png")


def test_a_server_that_is_not_there_is_said_in_one_line(site: Site) -> None:
    from infmap.client import Client

    with Client("http://127.0.0.1:9", patience=0) as client, pytest.raises(PeerError) as error:
        client.models()
    assert "does not answer" in str(error.value) and "\n" not in str(error.value)
