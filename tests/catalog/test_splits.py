"""Splits: stable when films come in, official parts kept, leaks told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infmap.catalog.splits import check_whole, split
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError


def row(n: int, **more: Any) -> dict[str, Any]:
    return {
        "film_id": f"s/{n:04}", "source": "s", "path": f"{n}", "patient_id": f"p{n // 2}",
        "covid19": n % 3 == 0, "duplicate_group": f"s/{n:04}", "view": "PA",
    } | more  # fmt: skip


def catalog_of(folder: Path, rows: list[dict[str, Any]]) -> Catalog:
    catalog = Catalog(folder)
    catalog.write("films", rows)
    return catalog


def folds(catalog: Catalog) -> dict[str, int | None]:
    return {film["film_id"]: film["fold"] for film in catalog.films()}


def test_films_stay_where_they_were_when_others_come_in(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n) for n in range(200)])
    split(catalog, 5, 0)
    before = folds(catalog)
    catalog.write("films", catalog.films() + [row(n) for n in range(200, 300)])
    report = split(catalog, 5, 0)
    after = folds(catalog)
    assert {name: after[name] for name in before} == before
    assert (report.kept, report.moved) == (200, 0)
    assert set(report.folds.values()) <= set(range(56, 65))


def test_another_seed_or_number_of_folds_draws_anew(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n) for n in range(100)])
    split(catalog, 5, 0)
    before = folds(catalog)
    assert split(catalog, 5, 1).kept == 0
    assert folds(catalog) != before
    split(catalog, 5, 0)
    assert folds(catalog) == before


def test_a_duplicate_that_joins_two_folds_moves_the_smaller_side(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n) for n in range(100)])
    split(catalog, 5, 0)
    rows = catalog.films()
    a = rows[0]
    b = next(r for r in rows if r["fold"] != a["fold"])
    for film in rows:
        if film["film_id"] == b["film_id"]:
            film["duplicate_group"] = a["duplicate_group"]
    catalog.write("films", rows)
    report = split(catalog, 5, 0)
    after = folds(catalog)
    assert after[a["film_id"]] == after[b["film_id"]]
    assert report.moved == 2


def test_fractions_are_met_and_name_the_parts(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n) for n in range(400)])
    report = split(catalog, fractions={"train": 0.7, "val": 0.1, "test": 0.2})
    assert report.parts == pytest.approx({"test": 80, "train": 280, "val": 40}, abs=4)
    covid = [film["split"] for film in catalog.films() if film["covid19"]]
    shares = np.array([covid.count(part) for part in ("train", "val", "test")]) / len(covid)
    np.testing.assert_allclose(shares, (0.7, 0.1, 0.2), atol=0.03)


@pytest.mark.parametrize("fractions", [{"train": 1.0}, {"a": 0.5, "b": 0.6}, {"a": 0, "b": 1}])
def test_fractions_that_are_none_are_refused(tmp_path: Path, fractions: dict[str, float]) -> None:
    catalog = catalog_of(tmp_path, [row(0), row(1)])
    with pytest.raises(UsageError, match="add up to 1"):
        split(catalog, fractions=fractions)


def test_official_parts_are_kept_and_their_leaks_are_told(tmp_path: Path) -> None:
    rows = [row(n, official_split=("train", "test")[n % 2], patient_id=None) for n in range(20)]
    rows += [row(n, patient_id=None) for n in range(20, 40)]
    rows[1]["duplicate_group"] = rows[0]["duplicate_group"]
    rows[3]["patient_id"] = rows[2]["patient_id"] = "p"
    catalog = catalog_of(tmp_path, rows)
    report = split(catalog, official=True)
    assert report.leaks == [("s/0000", "s/0001"), ("s/0002", "s/0003")]
    parts = [film["split"] for film in catalog.films()]
    assert parts[:20] == ["unused", "test"] * 2 + ["train", "test"] * 8
    assert report.unused == 2
    assert set(parts[20:]) <= {"train", "val"}


def test_a_copy_without_a_published_part_follows_the_published_ones(tmp_path: Path) -> None:
    rows = [row(n, patient_id=None) for n in range(40)]
    for n, part in enumerate(("train", "test", "val")):
        rows[n] |= {"official_split": part, "duplicate_group": f"c{part}"}
        rows[n + 20]["duplicate_group"] = f"c{part}"
    catalog = catalog_of(tmp_path, rows)
    report = split(catalog, official=True)
    parts = [film["split"] for film in catalog.films()]
    assert parts[:3] == ["train", "test", "val"]
    assert parts[20:23] == ["train", "unused", "unused"]
    assert (report.leaks, report.unused) == ([], 2)


@pytest.mark.parametrize(
    ("films", "how"),
    [(24, {"folds": 500}), (24, {"folds": 13}), (2, {"fractions": {"train": 0.5, "val": 0.5}})],
)
def test_more_folds_than_groups_are_refused(
    tmp_path: Path, films: int, how: dict[str, Any]
) -> None:
    catalog = catalog_of(tmp_path, [row(n) for n in range(films)])
    with pytest.raises(UsageError, match=f"at most {films // 2} folds") as refused:
        split(catalog, **how)
    assert "\n" not in str(refused.value)
    assert all(film["fold"] is None for film in catalog.films())
    if "folds" in how:
        assert sorted(split(catalog, films // 2).folds.values()) == [2] * (films // 2)


def two_sources(small: int, large: int) -> list[dict[str, Any]]:
    names = [f"{'ab'[n >= small]}/{n:03}" for n in range(small + large)]
    return [
        row(n, source=name[0], film_id=name, duplicate_group=name, patient_id=None)
        for n, name in enumerate(names)
    ]


def test_a_fold_may_be_a_source(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, two_sources(5, 5))
    assert split(catalog, by_source=True).joined == 0
    assert {(film["source"], film["fold"]) for film in catalog.films()} == {("a", 0), ("b", 1)}


def test_a_group_that_spans_sources_goes_to_the_smallest_of_them(tmp_path: Path) -> None:
    rows = two_sources(4, 10)
    for n in (0, 5, 6):
        rows[n]["duplicate_group"] = "b/005"
    for n in (1, 7):
        rows[n]["patient_id"] = "p"
    catalog = catalog_of(tmp_path, rows)
    assert split(catalog, by_source=True).joined == 3
    folds = [film["fold"] for film in catalog.films()]
    assert [n for n, fold in enumerate(folds) if fold == 0] == [0, 1, 2, 3, 5, 6, 7]


def test_a_source_that_is_all_copies_cannot_be_left_out(tmp_path: Path) -> None:
    rows = two_sources(3, 3)
    for n in range(3):
        rows[n + 3]["duplicate_group"] = rows[n]["duplicate_group"]
    with pytest.raises(UsageError, match="every film of b"):
        split(catalog_of(tmp_path, rows), by_source=True)


def test_copies_found_after_the_split_are_told_before_a_snapshot(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n, patient_id=None) for n in range(10)])
    split(catalog, 2)
    rows = catalog.films()
    check_whole(rows)
    other = next(film for film in rows if film["fold"] != rows[0]["fold"])
    other["duplicate_group"] = rows[0]["duplicate_group"]
    with pytest.raises(SnapshotError, match="1 groups .* split again"):
        check_whole(rows)


def test_lateral_films_get_no_part(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(n, view="L" if n == 4 else "AP") for n in range(10)])
    report = split(catalog, 2)
    assert report.lateral == 1
    assert [film["fold"] is None for film in catalog.films()].index(True) == 4


def test_films_without_clusters_are_sent_to_dedup(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, [row(0), row(1, duplicate_group=None)])
    with pytest.raises(SnapshotError, match="dedup"):
        split(catalog, 2)
