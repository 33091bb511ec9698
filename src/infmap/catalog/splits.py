"""Folds that keep a patient and a duplicate together, balanced by source and class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from infmap.catalog.duplicates import components
from infmap.catalog.store import Catalog, Row
from infmap.core.errors import SnapshotError, UsageError


def split(catalog: Catalog, folds: int = 5, seed: int = 0) -> Counter[int]:
    """Give each film its ``fold``, and its ``split``: "val" in fold 0, else "train".

    Args:
        catalog: where the films are.
        folds: number of folds, at least 2.
        seed: of the order in which groups of one size are placed.

    Returns:
        Films by fold.

    Raises:
        UsageError: fewer than two folds.
        SnapshotError: duplicates were not looked for since films came in.
    """
    films = catalog.films()
    if any(film["cluster_id"] is None for film in films):
        raise SnapshotError(
            f"{catalog.folder}: films came in since duplicates were found; "
            "run infmap catalog dedup first"
        )
    of = assign_folds(films, folds, seed)
    for film, fold in zip(films, of, strict=True):
        film["fold"], film["split"] = fold, "val" if fold == 0 else "train"
    catalog.write("films", films)
    return Counter(of)


def assign_folds(films: Sequence[Row], folds: int, seed: int) -> list[int]:
    """Fold of each film.

    Groups are connected over patient and cluster. The largest is placed first, each where its
    source-and-class strata are least filled.

    Raises:
        UsageError: fewer than two folds.
    """
    if folds < 2:
        raise UsageError(f"expected at least 2 folds, got {folds}")
    groups: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(film_groups(films)):
        groups[name].append(index)
    strata = {key: n for n, key in enumerate(sorted({_stratum(film) for film in films}))}
    stratum = np.array([strata[_stratum(film)] for film in films], np.int64)
    total = np.bincount(stratum, minlength=len(strata)).astype(np.float64)
    names = sorted(groups)
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    names.sort(key=lambda name: -len(groups[name]))
    filled = np.zeros((folds, len(strata)))
    of = np.zeros(len(films), np.int64)
    for name in names:
        members = groups[name]
        count = np.bincount(stratum[members], minlength=len(strata))
        cost = filled @ (count / total) + 1e-6 * filled.sum(axis=1)
        fold = int(cost.argmin())
        filled[fold] += count / total
        of[members] = fold
    return [int(fold) for fold in of]


def film_groups(films: Sequence[Row]) -> list[str]:
    """Name of each film's group: films that share a patient or a cluster share a group."""
    ids = [str(film["film_id"]) for film in films]
    links: list[tuple[str, str]] = []
    first: dict[tuple[str, str], str] = {}
    for film_id, film in zip(ids, films, strict=True):
        for column in ("patient_id", "cluster_id"):
            if film[column] is not None:
                links.append((first.setdefault((column, film[column]), film_id), film_id))
    of = components(ids, links)
    return [of[film_id] for film_id in ids]


def _stratum(film: Row) -> tuple[str, str]:
    return str(film["source"]), str(film["covid19"])
