from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.annotation import films, projects
from infmap.annotation.errors import NotFound
from infmap.annotation.importing import FULL
from infmap.annotation.proposals import (
    LocalStation,
    Proposal,
    Proposer,
    add,
    as_picture,
    propose,
    wanted,
)
from infmap.core.errors import FilmError, RejectedFilm, UsageError
from infmap.dicom import read_radiograph
from infmap.web.film_encoding import encode_film
from infmap.web.masks import encode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import HEIGHT, WIDTH, Station, box  # noqa: E402

LEFT, RIGHT = box(5, 5, 20, 15), box(5, 25, 20, 40)


def with_pixels(station: Station, film: str) -> str:
    levels = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    folder = station.store.film_folder(film)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FULL).write_bytes(encode_film(levels, 12))
    return film


def network(name: str, mask: np.ndarray = LEFT) -> Proposer:
    return Proposer(name, lambda path: Proposal(mask))


def test_networks_propose_for_every_film_and_readers_get_them_together(station: Station) -> None:
    film = with_pixels(station, station.film())
    here = LocalStation(station.store, station.project)
    done = propose(here, [network("a@1"), network("b@2", RIGHT)])
    assert [(d.network, d.round, d.made, d.without) for d in done] == [
        ("a@1", 1, 1, ()),
        ("b@2", 1, 1, ()),
    ]
    assert done[0].planned.made == 1
    task = station.next(station.ann)
    assert task is not None and (task.film, task.kind) == (film, "choose")
    assert sorted(task.candidates) == ["A", "B"]


def test_films_whose_proposals_differ_most_come_first(station: Station) -> None:
    for name, mask in (("same", LEFT), ("differs", RIGHT)):
        film = station.film(name)
        with station.store.begin() as c:
            add(c, film, "a@1", encode(LEFT), 1)
            add(c, film, "b@1", encode(mask), 1)
    station.plan()
    task = station.next(station.ann)
    with station.store.read() as c:
        assert task is not None and films.get(c, task.film).source == "/films/differs"


def test_a_worker_that_was_stopped_goes_on_and_does_nothing_twice(station: Station) -> None:
    made = [with_pixels(station, station.film(name)) for name in "abc"]
    here = LocalStation(station.store, station.project)
    seen: list[Path] = []

    def stops(path: Path) -> Proposal:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(path)
        return Proposal(LEFT)

    with pytest.raises(KeyboardInterrupt):
        propose(here, [Proposer("a@1", stops)])
    assert propose(here, [network("a@1")])[0].made == 1
    assert propose(here, [network("a@1")])[0].made == 0
    assert here.wanted("a@1", 1) == [] and len(here.wanted("b@1", 1)) == len(made)


def test_a_new_round_asks_again_for_films_without_a_decision(station: Station) -> None:
    for name in "ab":
        with_pixels(station, station.film(name))
    here = LocalStation(station.store, station.project)
    propose(here, [network("a@1")])
    task = station.next(station.ann)
    assert task is not None
    station.decide(task, station.ann, "choose", side="A")
    (second,) = propose(here, [network("a@2")], number=2)
    assert (second.round, second.made) == (2, 1)
    with station.store.read() as c:
        assert projects.get(c, station.project).round == 2
    for number in (1, 4):
        with pytest.raises(UsageError, match="expected 2 to go on or 3 to begin the next"):
            propose(here, [network("a@3")], number=number)


def test_in_stage_one_outlined_films_are_proposed_for_to_be_compared(station: Station) -> None:
    station.rules(stage=1)
    film = with_pixels(station, station.film())
    station.plan()
    station.read(station.ann, LEFT)
    assert station.state(film) == "approved"
    propose(LocalStation(station.store, station.project), [network("a@1", RIGHT)])
    task = station.next(station.ben)
    assert task is not None and task.kind == "compare"


def test_a_film_that_the_network_rejects_is_named_and_stays_without(station: Station) -> None:
    film = with_pixels(station, station.film())

    def rejects(path: Path) -> Proposal:
        raise RejectedFilm("no lungs were found", str(path))

    (done,) = propose(LocalStation(station.store, station.project), [Proposer("a@1", rejects)])
    assert (done.made, done.without) == (0, ((film, "no lungs were found"),))


def test_lungs_are_kept_where_the_film_has_none(station: Station) -> None:
    film = station.film()
    lungs, other = box(2, 2, 30, 40, "lungs"), box(0, 0, 9, 9, "lungs")
    with station.store.begin() as c:
        add(c, film, "a@1", encode(LEFT), 1, encode(lungs))
        kept = films.get(c, film).lungs
        add(c, film, "b@1", encode(LEFT), 1, encode(other))
        assert kept is not None and films.get(c, film).lungs == kept


def test_the_same_networks_second_proposal_changes_nothing(station: Station) -> None:
    film = station.film()
    with station.store.begin() as c:
        first = add(c, film, "a@1", encode(LEFT), 1)
        assert add(c, film, "a@1", encode(RIGHT), 1) == first
        assert add(c, film, "a@1", encode(RIGHT), 2) != first


@pytest.mark.parametrize(
    ("name", "mask", "number", "said"),
    [
        ("a@1", np.zeros((3, 3), np.uint8), 1, "expected 48 x 40 pixels"),
        ("", LEFT, 1, "name@version"),
        ("x" * 129, LEFT, 1, "name@version"),
        ("a@1", LEFT, 0, "round from 1"),
    ],
)
def test_what_is_no_proposal_is_refused(
    station: Station, name: str, mask: np.ndarray, number: int, said: str
) -> None:
    film = station.film()
    with station.store.begin() as c, pytest.raises(UsageError, match=said):
        add(c, film, name, encode(mask), number)


def test_foreign_films_and_projects_are_not_found(station: Station) -> None:
    with station.store.begin() as c:
        with pytest.raises(NotFound):
            add(c, "nothing", "a@1", encode(LEFT), 1)
        with pytest.raises(NotFound):
            wanted(c, "nothing", "a@1", 1)


def test_networks_need_names_of_their_own_and_masks_of_the_films_size(station: Station) -> None:
    with_pixels(station, station.film())
    here = LocalStation(station.store, station.project)
    for proposers in ([], [network("a@1"), network("a@1")]):
        with pytest.raises(UsageError, match="different names"):
            propose(here, proposers)
    with pytest.raises(UsageError, match="a@1: expected a uint8 mask"):
        propose(here, [network("a@1", np.zeros((2, 2), np.uint8))])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_worker_reads_the_grey_levels_that_the_station_holds(bits: int) -> None:
    levels = np.linspace(0, 2**bits - 1, 64 * 80).reshape(64, 80).round().astype(np.uint16)
    with as_picture(encode_film(levels, bits)) as (path, shape):
        assert shape == (64, 80)
        pixels = read_radiograph(path).pixels
        with Image.open(path) as picture:
            assert picture.size == (80, 64)
    np.testing.assert_allclose(pixels, levels / (2**bits - 1), atol=1e-4)
    assert not path.exists()


def test_bytes_that_are_no_film_are_an_error_of_that_film() -> None:
    with pytest.raises(FilmError, match="IFL1"), as_picture(b"nothing at all, really"):
        pass
