"""Patients and duplicates that stand on two sides, of splits or of sources."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infmap.catalog.rows import DuplicatePair, Film

SIDES = {
    "source": "sources",
    "official_split": "official splits",
    "split": "splits of this catalog",
}


@dataclass(frozen=True)
class Overlap:
    """What two sides share, of one kind of side.

    Attributes:
        column: "source", "official_split" or "split".
        first: one side.
        second: the other.
        patients: patients with films on both.
        pairs: duplicate pairs across, those that a reader rejected left out.
        films: films of the first side that share a patient or a duplicate with the second.
        total: films of the first side.
    """

    column: str
    first: str
    second: str
    patients: int
    pairs: int
    films: int
    total: int


def overlaps(films: Sequence[Film], duplicates: Iterable[DuplicatePair]) -> list[Overlap]:
    """Every ordered pair of sides that share something.

    Args:
        films: rows of the catalog's films.
        duplicates: rows of its table of duplicates.
    """
    pairs = [
        (row["film_a"], row["film_b"]) for row in duplicates if row.get("verdict") != "rejected"
    ]
    found = [overlap for column in SIDES for overlap in _across(films, pairs, column)]
    return sorted(found, key=lambda o: (list(SIDES).index(o.column), -o.films, o.first, o.second))


def _across(
    films: Sequence[Mapping[str, object]], pairs: Sequence[tuple[str, str]], column: str
) -> Iterable[Overlap]:
    side = {str(row["film_id"]): str(row[column]) for row in films if row[column] is not None}
    total = Counter(side.values())
    of_patient: dict[str, list[str]] = defaultdict(list)
    for row in films:
        if row["patient_id"] is not None and row["film_id"] in side:
            of_patient[str(row["patient_id"])].append(str(row["film_id"]))
    shared: dict[tuple[str, str], set[str]] = defaultdict(set)
    patients: Counter[tuple[str, str]] = Counter()
    across: Counter[tuple[str, str]] = Counter()
    for members in of_patient.values():
        sides = {side[name] for name in members}
        for first in sides:
            for second in sides - {first}:
                patients[first, second] += 1
                shared[first, second] |= {name for name in members if side[name] == first}
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            if one in side and other in side and side[one] != side[other]:
                across[side[one], side[other]] += 1
                shared[side[one], side[other]].add(one)
    for (first, second), names in shared.items():
        key = first, second
        yield Overlap(column, first, second, patients[key], across[key], len(names), total[first])
