"""Tests of `infmap.sources.files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import SourceRecord
from infmap.sources.files import (
    at_least_one,
    home,
    homes,
    missing,
    pictures,
    relative,
    some,
    unexpected,
)


def test_pictures_are_sorted_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in pictures(tmp_path)] == ["a.JPG", "b.png"]
    assert pictures(tmp_path / "gone") == []


def test_a_home_is_found_below_what_archives_add_and_no_deeper(tmp_path: Path) -> None:
    (tmp_path / "outer" / "inner" / "images").mkdir(parents=True)
    assert homes(tmp_path, ("images",)) == [tmp_path / "outer" / "inner"]
    assert homes(tmp_path, ("images",), depth=1) == []
    assert home(tmp_path / "outer", "images") == tmp_path / "outer" / "inner"
    assert home(tmp_path, "images") == tmp_path


def test_nothing_below_a_home_is_another_home(tmp_path: Path) -> None:
    (tmp_path / "a" / "images" / "images").mkdir(parents=True)
    (tmp_path / "b" / "images").mkdir(parents=True)
    assert homes(tmp_path, ("images",)) == [tmp_path / "a", tmp_path / "b"]


def test_a_path_that_is_not_on_disk_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert relative(tmp_path, tmp_path / "a.png") == "a.png"
    assert relative(tmp_path, tmp_path / "b.png") is None


def test_a_reader_that_finds_nothing_says_what_was_expected() -> None:
    record = SourceRecord(path="a.png")
    assert list(at_least_one([record], "DIR: expected films")) == [record]
    with pytest.raises(UsageError, match="DIR: expected films, found no film"):
        list(at_least_one([], "DIR: expected films"))


def test_findings_count_and_name_the_first() -> None:
    assert some(["b", "a", "b"], 9, "films are odd") == ["2 of 9 films are odd, the first is a"]
    assert some(["a"], None, "odd") == ["1 odd, the first is a"]
    assert some([], 9, "odd") == []


def test_what_is_missing_or_unexpected_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    found = missing(tmp_path, ["images", "table.csv"], "no labels")
    assert found == ["table.csv missing: no labels"]
    assert unexpected(tmp_path, ["images"]) == ["unexpected folder other"]
