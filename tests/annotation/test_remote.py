"""A worker on another machine, against a real server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infmap.annotation import projects, users
from infmap.annotation.importing import FULL
from infmap.annotation.proposals import Proposal, Proposer, propose
from infmap.annotation.remote import RemoteStation
from infmap.core.errors import UsageError
from infmap.dicom import read_radiograph
from infmap.web.film_encoding import encode_film

sys.path.insert(0, str(Path(__file__).parent))
from serving import Server  # noqa: E402
from small_station import HEIGHT, WIDTH, Station, box  # noqa: E402

PASSWORD = "as long as needed"
LEVELS = np.linspace(0, 4095, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().astype(np.uint16)


@pytest.fixture
def address(station: Station, url: str | None) -> Iterator[str]:
    """Address of a running server over the small station, with one film and an administrator."""
    film = station.film()
    folder = station.store.film_folder(film)
    folder.mkdir(parents=True)
    (folder / FULL).write_bytes(encode_film(LEVELS, 12))
    with station.store.begin() as c:
        users.add(c, "worker", PASSWORD, "administrator")
    server = Server(station.store.folder, url)
    server.start()
    yield server.address
    server.stop()


def test_a_worker_elsewhere_reads_films_and_brings_masks(station: Station, address: str) -> None:
    there = RemoteStation.sign_in(address, "worker", PASSWORD, "chest")
    assert there.labels == ("infection", "lungs") and there.newest_round() == 0
    seen = []

    def one(path: Path) -> Proposal:
        seen.append(read_radiograph(path).pixels)
        return Proposal(box(5, 5, 20, 15), box(2, 2, 30, 40, "lungs"))

    (done,) = propose(there, [Proposer("far@1", one)])
    assert (done.made, done.round, done.planned.made) == (1, 1, 1)
    np.testing.assert_allclose(seen[0], LEVELS / 4095, atol=1e-3)
    assert there.newest_round() == 1 and there.wanted("far@1", 1) == []
    task = station.next(station.ann)
    assert task is not None and task.kind == "choose"
    with station.store.read() as c:
        assert projects.get(c, station.project).round == 1


def test_a_wrong_password_or_project_is_one_line(address: str) -> None:
    with pytest.raises(UsageError, match="name and password do not fit"):
        RemoteStation.sign_in(address, "worker", "something else", "chest")
    with pytest.raises(UsageError, match="one of the station's: 'chest'"):
        RemoteStation.sign_in(address, "worker", PASSWORD, "knee")


def test_what_the_station_refuses_is_said_in_its_words(address: str) -> None:
    there = RemoteStation.sign_in(address, "worker", PASSWORD)
    (film,) = there.wanted("far@1", 1)
    with pytest.raises(UsageError, match="expected bytes that start with IMK1"):
        there.add(film, "far@1", b"nothing", 1, None)


@pytest.mark.parametrize("address", ["http://station.example", "ftp://127.0.0.1", "station"])
def test_a_password_is_not_sent_in_the_clear(address: str) -> None:
    with pytest.raises(UsageError, match="expected https://"):
        RemoteStation.sign_in(address, "worker", PASSWORD)


def test_a_station_that_does_not_answer_is_named() -> None:
    with pytest.raises(UsageError, match="no answer from http://127.0.0.1:9"):
        RemoteStation.sign_in("http://127.0.0.1:9", "worker", PASSWORD)
