from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UnreadableFilm, UsageError
from infmap.deidentify.boxes import Box
from infmap.deidentify.desk import Desk
from infmap.deidentify.look import look_at

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, film, labelled, saved  # noqa: E402


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A film without text, and one with."""
    looks = []
    for number, dataset in enumerate((film(), labelled(SOPInstanceUID="1.2.3")), 1):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(saved(dataset))
        looks.append(look_at(number, path, KEY, lambda plane: None))
    return Desk(looks, KEY)


def test_films_with_text_come_first(desk: Desk) -> None:
    assert list(desk.looks) == [2, 1] and desk.open == 2


def test_decisions_can_be_taken_back(desk: Desk) -> None:
    desk.decide(1, [Box(1, 2, 3, 4)])
    desk.hold(2)
    assert desk.open == 0 and desk.boxes == {1: (Box(1, 2, 3, 4),)}
    desk.hold(1)
    desk.decide(2, [])
    assert desk.held == {1} and desk.boxes == {2: ()} and desk.open == 0


def test_boxes_stay_inside_the_film(desk: Desk) -> None:
    with pytest.raises(UsageError, match="inside 60 x 40"):
        desk.decide(1, [Box(50, 0, 11, 5)])
    with pytest.raises(UsageError, match="at most 1000"):
        desk.decide(1, [Box(0, 0, 1, 1)] * 1001)
    with pytest.raises(KeyError):
        desk.decide(3, [])
    assert desk.open == 2


def test_films_are_decoded_once_and_not_all_kept(desk: Desk, tmp_path: Path) -> None:
    first, bits = desk.film(2)
    assert first.shape == (600, 600) and int(first.max()) < 2**bits
    assert desk.film(2)[0] is first
    (tmp_path / "1.dcm").write_bytes(b"")
    with pytest.raises(UnreadableFilm):
        desk.film(1)
