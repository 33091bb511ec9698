"""Tests of `infmap.report.ids`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infmap.core.types import Prediction
from infmap.report import (
    FilmIds,
    film_ids,
    write_planes,
)

Predict = Callable[..., Prediction]


@pytest.mark.parametrize("film_id", ["", "../a", "a/b", "a\\b", ".hidden", "a\0b"])
def test_an_id_that_would_leave_its_folder_is_refused(
    tmp_path: Path, film_id: str, predict: Predict
) -> None:
    with pytest.raises(ValueError, match="id fit for a file name"):
        write_planes(predict(), film_id, tmp_path)


def test_ids_are_readable_unique_and_repeatable() -> None:
    paths = [
        "x/chest.png",
        "y/chest.png",
        "z/CHEST.jpg",
        "chest-2.png",
        "a b<c>.dcm",
        "..",
        "é.png",
    ]
    ids = list(film_ids(paths))
    assert ids[:4] == ["chest", "chest-2", "CHEST-3", "chest-2-2"]
    assert ids[4:] == ["a_b_c", "film", "e"]
    assert len({i.casefold() for i in ids}) == len(paths)
    assert list(film_ids(paths)) == ids


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Müller_Straße.png", "Muller_Strasse"),
        ("Грудь.dcm", "Grud"),
        ("CON.png", "film-CON"),
        ("nul.tar.png", "film-nul.tar"),
        ("com1", "film-com1"),
        ("com10.png", "com10"),
        ("console.png", "console"),
        ("a. .png", "a"),
        ("x" * 300 + ".png", "x" * 80),
        ("y" * 79 + "..z.png", "y" * 79),
    ],
)
def test_an_id_is_readable_and_fit_for_any_system(name: str, expected: str) -> None:
    assert list(film_ids([name])) == [expected]


@pytest.mark.parametrize("name", ["胸部レントゲン", "흉부", "صدر", "หน้าอก", "छाती", "πνεύμονας"])
def test_no_script_is_lost(name: str) -> None:
    (film_id,) = film_ids([f"{name}.png"])
    assert film_id.isascii() and "film" not in film_id and len(film_id) >= 3


def test_many_films_of_one_name_get_ids_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    class Counting(set[str]):
        def __contains__(self, name: object) -> bool:
            nonlocal asked
            asked += 1
            return super().__contains__(name)

    ids = FilmIds(["image-7"])
    ids._taken = Counting(ids._taken)
    given = [ids.new(f"{number}/image.dcm") for number in range(1000)]
    assert given[:3] == ["image", "image-2", "image-3"] and given[6] == "image-8"
    assert len(set(given)) == 1000 and asked < 5000
