"""Parts and folds that keep a patient and a duplicate together, balanced by source and class.

What keeps a group together is ``infmap.catalog.groups``; this module draws.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from infmap.catalog.groups import (
    TRAIN,
    UNUSED,
    VAL,
    divided_groups,
    film_groups,
    keep_whole,
)
from infmap.catalog.rows import Film, film_rows
from infmap.catalog.schema import make_frame, polars
from infmap.catalog.store import Catalog
from infmap.core import views
from infmap.core.errors import SnapshotError, UsageError

if TYPE_CHECKING:
    import polars as pl

NEEDED = (
    "film_id",
    "source",
    "patient_id",
    "view",
    "covid19",
    "official_split",
    "duplicate_group",
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
        unused: official splits only: films that left the part they were meant for, because their
            group has films in a stronger one.
        joined: by source only: films in the fold of another source, with the rest of their group.
    """

    folds: dict[int, int]
    parts: dict[str, int]
    kept: int = 0
    moved: int = 0
    lateral: int = 0
    leaks: list[tuple[str, str]] = field(default_factory=list)
    unused: int = 0
    joined: int = 0


def split(
    catalog: Catalog,
    folds: int = 5,
    seed: int = 0,
    *,
    fractions: Mapping[str, float] | None = None,
    official: bool = False,
    by_source: bool = False,
) -> SplitReport:
    """Give each frontal film its ``fold`` and its ``split``; neither divides a group.

    Done again with the same settings after films came in, every film stays where it was, and only
    new ones are assigned.

    Args:
        catalog: where the films are.
        folds: number of folds, at least 2; fold 0 is the part "val", the others "train".
        seed: of the order in which groups of one size are placed.
        fractions: part to its share of the films, instead of folds of one size; fold n is the nth.
        official: films keep the part that their publisher gave them, but where publishers' parts
            divide a group, it keeps the strongest and its other films are ``unused``; leaks are
            reported. A film without such a part follows the group's.
        by_source: a fold is a source, in the order of their names: to leave one source out. A group
            that spans sources goes to the smallest of them.

    Raises:
        UsageError: fewer than two folds or sources, more folds than groups, a source all of whose
            films go with another's, or fractions that do not add up to 1.
        SnapshotError: duplicates were not looked for since films came in.
    """
    names, shares = _parts(folds, fractions)
    frame = catalog.film_frame()
    if frame["duplicate_group"].null_count():
        raise SnapshotError(
            f"{catalog.folder}: films came in since duplicates were found; "
            "run infmap catalog dedup first"
        )
    films = film_rows(frame.filter(~is_lateral()).select(NEEDED))
    settings = {"parts": names, "shares": shares, "seed": seed, "by_source": by_source}
    again = catalog.settings.get("split") == settings | {"official": official}
    before = [film["fold"] if again else None for film in films]
    groups = film_groups(films)
    joined = 0
    if by_source:
        sources = sorted({film["source"] for film in films})
        if len(sources) < 2:
            raise UsageError("expected two sources or more to leave one out, got one")
        own = [sources.index(film["source"]) for film in films]
        of = _whole_sources(groups, own, sources)
        joined = sum(a != b for a, b in zip(own, of, strict=True))
        drawn = [VAL if fold == 0 else TRAIN for fold in of]
    else:
        if len(shares) > len(set(groups)):
            raise UsageError(
                f"expected at most {len(set(groups))} folds or parts, for the {len(films)} frontal "
                "films form as many groups of patients and near-duplicates; "
                f"got {len(shares)}: ask for fewer"
            )
        of = _place(films, groups, shares, seed, before)
        drawn = [names[fold] for fold in of]
    parts = _with_official(films, groups, drawn) if official else drawn
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
        unused=parts.count(UNUSED),
        joined=joined,
    )


def is_lateral() -> pl.Expr:
    """Polars expression: whether a film's view, as the source states it, is lateral."""
    module = polars()
    stated: pl.Expr = module.col("view").map_elements(views.is_lateral, module.Boolean)
    return stated.fill_null(False)


def assign_folds(films: Sequence[Film], folds: int, seed: int) -> list[int]:
    """Fold of each film, folds of one size.

    Groups are connected over patient and cluster. The largest is placed first, each where its
    source-and-class strata are least filled.

    Raises:
        UsageError: fewer than two folds.
    """
    _, shares = _parts(folds, None)
    return _place(films, film_groups(films), shares, seed, [None] * len(films))


def check_whole(films: Sequence[Mapping[str, object]]) -> None:
    """Refuse films whose folds or parts divide a group: duplicates were found after the split.

    Raises:
        SnapshotError: a group lies in several folds or parts.
    """
    groups = film_groups(films)
    parts = [None if film["split"] == UNUSED else film["split"] for film in films]
    for what, sides in (("folds", [film["fold"] for film in films]), ("parts", parts)):
        if divided := divided_groups(groups, sides):
            raise SnapshotError(
                f"{len(divided)} groups of patients and near-duplicates lie in several {what}, "
                f"such as that of {divided[0]}; run infmap catalog split again"
            )


def _parts(folds: int, fractions: Mapping[str, float] | None) -> tuple[list[str], list[float]]:
    """Name and share of each fold."""
    if fractions is None:
        if folds < 2:
            raise UsageError(f"expected at least 2 folds, got {folds}")
        return ["val"] + ["train"] * (folds - 1), [1.0 / folds] * folds
    shares = list(fractions.values())
    # 1e-6: 0.7 + 0.2 + 0.1 is not exactly 1 in binary.
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1.0) > 1e-6:
        raise UsageError(
            f"expected fractions above 0 that add up to 1, such as train=0.8 val=0.2, got {shares}"
        )
    return list(fractions), shares


def _place(
    films: Sequence[Film],
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
    # Sorted before it is shuffled: the order in which films came in must not matter.
    new.sort()
    new = [new[i] for i in np.random.default_rng(seed).permutation(len(new))]
    # Large groups first, while there is room to balance them; the shuffle above orders equal sizes.
    new.sort(key=lambda group: -len(members[group]))
    total = filled.sum(axis=1)
    for group in new:
        kinds = stratum[members[group]]
        # 1e-6: the size of a fold decides only between folds whose strata are equally filled.
        cost = (filled[:, kinds] / room).sum(axis=1) + 1e-6 * total / room[:, 0]
        fold = int(cost.argmin())
        put(group, fold)
        total[fold] += weight[kinds].sum()
    return [int(fold) for fold in of]


def _whole_sources(groups: Sequence[str], own: list[int], sources: Sequence[str]) -> list[int]:
    """Fold of each film: its source's, or that of the smallest source that its group has films of.

    So a small source that was copied into a large one is still left out whole.
    """
    size = Counter(own)
    found: dict[str, set[int]] = defaultdict(set)
    for group, fold in zip(groups, own, strict=True):
        found[group].add(fold)
    chosen = {g: min(folds, key=lambda fold: (size[fold], fold)) for g, folds in found.items()}
    of = [chosen[group] for group in groups]
    for fold, source in enumerate(sources):
        if fold not in of:
            raise UsageError(
                f"every film of {source} shares a patient or a near-duplicate with another "
                "source: it cannot be left out by itself; leave it out of the catalog"
            )
    return of


def _with_official(films: Sequence[Film], groups: Sequence[str], drawn: Sequence[str]) -> list[str]:
    """Publishers' parts and drawn ones together, no group divided."""
    official: dict[str, set[str]] = defaultdict(set)
    for film, group in zip(films, groups, strict=True):
        if film["official_split"]:
            official[group].add(film["official_split"])
    # A copy of a published test film is no test film of the publisher's, so it follows into
    # training only, and is unused where the group is in a stronger part.
    meant = [
        film["official_split"] or (TRAIN if group in official else part)
        for film, group, part in zip(films, groups, drawn, strict=True)
    ]
    return [part or UNUSED for part in keep_whole(groups, meant)]


def _leaks(films: Sequence[Film], groups: Sequence[str]) -> list[tuple[str, str]]:
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


def _stratum(film: Film) -> tuple[str, str]:
    return str(film["source"]), str(film["covid19"])
