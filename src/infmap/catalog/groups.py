"""Films that must stay together, and the one rule by which every split keeps them so.

A group is connected over patients and near-duplicates. It is wholly in what a network learns from,
wholly in what decides on thresholds and calibration, or wholly in what is scored: its films in the
weaker of these leave, and are in none. Training, studies, exports, the catalog's own splits and the
benchmarks all decide by ``keep_whole`` or ``whole_folds``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from infmap.dedup.duplicates import components

TRAIN, VAL, TEST, UNUSED = "train", "val", "test", "unused"
"""Parts of a split: training; validation; scored; none of them."""


def film_groups(films: Sequence[Mapping[str, object]]) -> list[str]:
    """Name of each film's group: films that share a patient or a cluster share a group.

    An unknown patient or cluster joins nothing.
    """
    ids = [str(film["film_id"]) for film in films]
    links: list[tuple[str, str]] = []
    first: dict[tuple[str, object], str] = {}
    for film_id, film in zip(ids, films, strict=True):
        # Both: a patient's films look alike, and a near-duplicate may carry another patient's
        # number.
        for column in ("patient_id", "duplicate_group"):
            if value := film.get(column):
                links.append((first.setdefault((column, value), film_id), film_id))
    of = components(ids, links)
    return [of[film_id] for film_id in ids]


def own_part(film: Mapping[str, object]) -> str | None:
    """Part of a film: its publisher's where that gave one, else the catalog's; None without."""
    part = film.get("official_split") or film.get("split")
    return None if part is None else str(part)


def keep_whole(groups: Sequence[str], parts: Sequence[str | None]) -> list[str | None]:
    """Parts that divide no group between training, validation and scoring.

    Of the parts that a group's films are meant for, the strongest holds: ``train`` is weaker than
    ``val``, and ``val`` than any other. Films of the group that are meant for a weaker one become
    ``unused``. None and ``unused`` make no claim and stay.

    Args:
        groups: of each film, see ``film_groups``.
        parts: what each film is meant for.
    """
    claimed: dict[str, int] = {}
    for group, part in zip(groups, parts, strict=True):
        claimed[group] = max(claimed.get(group, 0), _strength(part))
    return [
        part if _strength(part) in (0, claimed[group]) else UNUSED
        for group, part in zip(groups, parts, strict=True)
    ]


def whole_folds(groups: Sequence[str], folds: Sequence[int | None]) -> list[int | None]:
    """Folds that divide no group: each film gets the fold of most of its group's, else the lowest.

    Args:
        groups: of each film, see ``film_groups``.
        folds: of each film; None counts for nothing, and stays.
    """
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    for group, fold in zip(groups, folds, strict=True):
        if fold is not None:
            votes[group][fold] += 1
    chosen = {g: min(found, key=lambda fold: (-found[fold], fold)) for g, found in votes.items()}
    return [
        None if fold is None else chosen[group] for group, fold in zip(groups, folds, strict=True)
    ]


def divided_groups(groups: Sequence[str], sides: Sequence[object]) -> list[str]:
    """Groups whose films lie on several sides, such as folds or parts; a side of None is none."""
    found: dict[str, set[object]] = defaultdict(set)
    for group, side in zip(groups, sides, strict=True):
        if side is not None:
            found[group].add(side)
    return sorted(group for group, of in found.items() if len(of) > 1)


def sharing_with(films: Sequence[Mapping[str, object]], names: Collection[str]) -> set[str]:
    """The film_id of every film whose group holds one of these films, themselves included."""
    groups = film_groups(films)
    ids = [str(film["film_id"]) for film in films]
    touched = {group for film_id, group in zip(ids, groups, strict=True) if film_id in names}
    return {film_id for film_id, group in zip(ids, groups, strict=True) if group in touched}


def counted(parts: Iterable[str | None]) -> dict[str, int]:
    """Films by part, in the order of the parts' names; those without are not counted."""
    return dict(sorted(Counter(part for part in parts if part is not None).items()))


def _strength(part: str | None) -> int:
    # Scored beats decided on, which beats trained on: a film lost to training costs little, one
    # that was trained on makes a score worthless. Any other name (test, external...) is scored.
    return {None: 0, UNUSED: 0, TRAIN: 1, VAL: 2}.get(part, 3)
