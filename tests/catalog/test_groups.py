"""Tests of `infmap.catalog.groups`."""

from __future__ import annotations

from infmap.catalog.groups import (
    film_groups,
    keep_whole,
    whole_folds,
)


def test_the_strongest_part_of_a_group_holds() -> None:
    groups = ["g", "g", "g", "h", "h", "i", "i", "k"]
    parts = ["train", "val", "test", "train", "val", "train", None, "unused"]
    kept = keep_whole(groups, parts)
    assert kept == ["unused", "unused", "test", "unused", "val", "train", None, "unused"]


def test_a_group_takes_the_fold_of_most_of_its_films() -> None:
    groups = ["g", "g", "g", "h", "h", "i"]
    assert whole_folds(groups, [1, 0, 1, 2, 1, None]) == [1, 1, 1, 1, 1, None]


def test_unknown_patients_and_clusters_join_nothing() -> None:
    rows = [{"film_id": str(n), "patient_id": ("", None)[n % 2], "duplicate_group": None}
            for n in range(6)]  # fmt: skip
    assert len(set(film_groups(rows))) == 6
