"""Tests of `infmap.catalog.duplicates`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError
from infmap.dedup.thumbnails import thumbnail

sys.path.insert(0, str(Path(__file__).parents[1] / "dedup"))
from disguises import EDITS, make_catalog  # noqa: E402


def test_deduplication_keeps_splits_and_repeats_itself(tmp_path, planes, thumbs) -> None:
    both = np.concatenate([thumbs[:6], thumbnail(EDITS["gamma"](planes[2]))[None]])
    hashes = ["x", "x", *"cdefg"]
    catalog = make_catalog(tmp_path / "c", both, pixel_hash=hashes, fold=[0, 1, 2, 3, 4, 0, 1])
    rows = deduplicate(catalog)
    assert [(r["film_a"], r["film_b"], r["kind"]) for r in rows] == [
        ("s/f000", "s/f001", "pixels"), ("s/f002", "s/f006", "copy")]  # fmt: skip
    films = catalog.film_frame()
    assert films["duplicate_group"].to_list() == [
        f"s/f{n:03}" for n in (0, 0, 2, 3, 4, 5, 2)
    ]  # fmt: skip
    assert films["fold"].to_list() == [0, 1, 2, 3, 4, 0, 1]
    assert deduplicate(catalog) == rows


def test_an_empty_catalog_says_so(tmp_path) -> None:
    with pytest.raises(SnapshotError, match="ingest"):
        deduplicate(Catalog(tmp_path / "c"))
