"""Tests of `infmap.audit.overlap`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.audit.counts import tables
from infmap.audit.overlap import overlaps
from infmap.audit.verdict import verdict
from infmap.dedup.duplicates import DuplicatePair

sys.path.insert(0, str(Path(__file__).parent))
from rows import row  # noqa: E402


def test_patients_and_duplicates_across_splits_are_counted() -> None:
    films = [
        row("a", 1, official_split="train", patient_id="p"),
        row("a", 2, official_split="val", patient_id="p"),
        row("a", 3, official_split="val"),
        row("b", 4),
    ]
    pairs: list[DuplicatePair] = [
        {"film_a": "a/1.png", "film_b": "a/3.png", "verdict": None},
        {"film_a": "a/3.png", "film_b": "b/4.png", "verdict": "confirmed"},
        {"film_a": "a/1.png", "film_b": "b/4.png", "verdict": "rejected"},
    ]
    found = {(o.column, o.first, o.second): o for o in overlaps(films, pairs)}
    official = found["official_split", "val", "train"]
    assert (official.patients, official.pairs, official.films, official.total) == (1, 1, 2, 2)
    assert found["source", "b", "a"].pairs == 1
    assert len(found) == 4
    (sentence,) = (
        finding.text
        for finding in verdict([], [], list(found.values()), tables(films), True)
        if finding.text.startswith("Official splits")
    )
    assert "1 of 1 films of train and 2 of 2 of val" in sentence
