"""Parts and folds that keep a patient and a duplicate together, balanced by source and class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infmap.catalog.duplicates import components
from infmap.catalog.schema import Row, make_frame, polars
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError

LATERAL = ("L", "LL", "RL", "LAT", "LATERAL")
NEEDED = (
    "film_id",
    "source",
    "patient_id",
    "view",
    "covid19",
    "official_split",
    "cluster_id",
    "split",
    "fold",
)


@dataclass(frozen=True)
class SplitReport:
    """What a split did.

    Attributes:
        folds: films by fold.
        parts: films by part: "train", "val"...
        kept: films that stayed in the fold of an earlier split with the same settings.
        moved: films that left it, since a duplicate or a patient joined two folds.
        lateral: films without a part, being lateral.
        leaks: official splits only: pairs of films of one patient or exposure in different parts.
    """

    folds: dict[int, int]
    parts: dict[str, int]
    kept: int = 0
    moved: int = 0
    lateral: int = 0
    leaks: list[tuple[str, str]] = field(default_factory=list)


def split(
    catalog: Catalog,
    folds: int = 5,
    seed: int = 0,
    *,
    fractions: Mapping[str, float] | None = None,
    official: bool = False,
    by_source: bool = False,
) -> SplitReport:
    """Give each frontal film its ``fold`` and its ``split``.

    Done again with the same settings after films came in, every film stays where it was, and only
    new ones are dealt out.

    Args:
        catalog: where the films are.
        folds: number of folds, at least 2; fold 0 is the part "val", the others "train".
        seed: of the order in which groups of one size are placed.
        fractions: part to its share of the films, instead of folds of one size; fold n is the nth.
        official: films keep the part that their publisher gave them; leaks are reported.
        by_source: a fold is a source, in the order of their names: to leave one source out.

    Raises:
        UsageError: fewer than two folds or sources, or fractions that do not add up to 1.
        SnapshotError: duplicates were not looked for since films came in.
    """
    names, shares = _parts(folds, fractions)
    frame = catalog.film_frame()
    if frame["cluster_id"].null_count():
        raise SnapshotError(
            f"{catalog.folder}: films came in since duplicates were found; "
            "run infmap catalog dedup first"
        )
    films = frame.filter(~is_lateral()).select(NEEDED).to_dicts()
    settings = {"parts": names, "shares": shares, "seed": seed, "by_source": by_source}
    again = catalog.settings.get("split") == settings | {"official": official}
    before = [film["fold"] if again else None for film in films]
    groups = film_groups(films)
    if by_source:
        sources = sorted({film["source"] for film in films})
        if len(sources) < 2:
            raise UsageError("expected two sources or more to leave one out, got one")
        of = [sources.index(film["source"]) for film in films]
        parts = ["val" if fold == 0 else "train" for fold in of]
    else:
        of = _place(films, groups, shares, seed, before)
        parts = [names[fold] for fold in of]
    if official:
        parts = [film["official_split"] or part for film, part in zip(films, parts, strict=True)]
    rows = [
        {"film_id": film["film_id"], "split": part, "fold": fold}
        for film, part, fold in zip(films, parts, of, strict=True)
    ]
    placed = make_frame("films", rows).select("film_id", "split", "fold")
    catalog.commit(
        {"films": frame.drop("split", "fold").join(placed, on="film_id", how="left")},
        settings={"split": settings | {"official": official}},
    )
    return SplitReport(
        folds=dict(sorted(Counter(of).items())),
        parts=dict(sorted(Counter(parts).items())),
        kept=sum(b is not None and b == now for b, now in zip(before, of, strict=True)),
        moved=sum(b is not None and b != now for b, now in zip(before, of, strict=True)),
        lateral=len(frame) - len(films),
        leaks=_leaks(films, groups) if official else [],
    )


def is_lateral() -> Any:
    """Polars expression: whether a film's view, as the source states it, is lateral."""
    return polars().col("view").str.to_uppercase().is_in(LATERAL).fill_null(False)


def assign_folds(films: Sequence[Row], folds: int, seed: int) -> list[int]:
    """Fold of each film, folds of one size.

    Groups are connected over patient and cluster. The largest is placed first, each where its
    source-and-class strata are least filled.

    Raises:
        UsageError: fewer than two folds.
    """
    _, shares = _parts(folds, None)
    return _place(films, film_groups(films), shares, seed, [None] * len(films))


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


def _parts(folds: int, fractions: Mapping[str, float] | None) -> tuple[list[str], list[float]]:
    """Name and share of each fold."""
    if fractions is None:
        if folds < 2:
            raise UsageError(f"expected at least 2 folds, got {folds}")
        return ["val"] + ["train"] * (folds - 1), [1.0 / folds] * folds
    shares = list(fractions.values())
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1.0) > 1e-6:
        raise UsageError(
            f"expected fractions above 0 that add up to 1, such as train=0.8 val=0.2, got {shares}"
        )
    return list(fractions), shares


def _place(
    films: Sequence[Row],
    groups: Sequence[str],
    shares: Sequence[float],
    seed: int,
    before: Sequence[int | None],
) -> list[int]:
    """Fold of each film: as before where its group had one, else where its strata have room."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    strata = {key: n for n, key in enumerate(sorted({_stratum(film) for film in films}))}
    stratum = np.array([strata[_stratum(film)] for film in films], np.int64)
    # One film counts as its part of the stratum, so that small strata weigh like large ones.
    weight = 1.0 / np.bincount(stratum, minlength=len(strata)).astype(np.float64)
    room = np.array(shares)[:, None]
    filled = np.zeros((len(shares), len(strata)))
    of = np.full(len(films), -1, np.int64)

    def put(group: str, fold: int) -> None:
        of[members[group]] = fold
        np.add.at(filled[fold], stratum[members[group]], weight[stratum[members[group]]])

    new = []
    for group, indices in members.items():
        had = Counter(fold for i in indices if (fold := before[i]) is not None)
        if had:
            put(group, min(had, key=lambda fold: (-had[fold], fold)))
        else:
            new.append(group)
    new.sort()
    new = [new[i] for i in np.random.default_rng(seed).permutation(len(new))]
    new.sort(key=lambda group: -len(members[group]))
    total = filled.sum(axis=1)
    for group in new:
        kinds = stratum[members[group]]
        cost = (filled[:, kinds] / room).sum(axis=1) + 1e-6 * total / room[:, 0]
        fold = int(cost.argmin())
        put(group, fold)
        total[fold] += weight[kinds].sum()
    return [int(fold) for fold in of]


def _leaks(films: Sequence[Row], groups: Sequence[str]) -> list[tuple[str, str]]:
    """The first film of each official part of a group, paired, where a group has several."""
    first: dict[str, dict[str, str]] = defaultdict(dict)
    for film, group in zip(films, groups, strict=True):
        if film["official_split"] is not None:
            first[group].setdefault(f"{film['source']} {film['official_split']}", film["film_id"])
    return [
        (a, b)
        for found in first.values()
        for n, (part, a) in enumerate(found.items())
        for other, b in list(found.items())[n + 1 :]
        if part.split()[-1] != other.split()[-1]
    ]


def _stratum(film: Row) -> tuple[str, str]:
    return str(film["source"]), str(film["covid19"])
