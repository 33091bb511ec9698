"""Tests of `infmap.catalog.pairs`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.pairs import read_decisions, write_pairs
from infmap.core.errors import UsageError
from infmap.dedup.thumbnails import thumbnail

sys.path.insert(0, str(Path(__file__).parents[1] / "dedup"))
from disguises import EDITS, make_catalog  # noqa: E402


def decide(path: Path, *lines: tuple[str, str, str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("film_a", "film_b", "verdict"), *lines])
    return path


def test_verdicts_count_at_once_and_in_later_runs(tmp_path, planes, thumbs) -> None:
    both = np.concatenate([thumbs[:4], thumbnail(EDITS["gamma"](planes[2]))[None]])
    catalog = make_catalog(tmp_path / "c", both)
    deduplicate(catalog)
    decisions = decide(
        tmp_path / "d.csv",
        ("s/f004", "s/f002", "rejected"),
        ("s/f000", "s/f001", "confirmed"),
        ("s/f000", "s/gone", "confirmed"),
    )
    assert read_decisions(catalog, decisions) == 2
    wanted = [f"s/f{n:03}" for n in (0, 0, 2, 3, 4)]
    assert catalog.film_frame()["duplicate_group"].to_list() == wanted
    deduplicate(catalog)
    assert catalog.film_frame()["duplicate_group"].to_list() == wanted
    verdicts = {(r["film_a"], r["film_b"]): r["verdict"] for r in catalog.rows("duplicates")}
    assert verdicts == {("s/f000", "s/f001"): "confirmed", ("s/f002", "s/f004"): "rejected"}
    read_decisions(catalog, decide(tmp_path / "e.csv", ("s/f002", "s/f004", "")))
    assert catalog.film_frame()["duplicate_group"].to_list()[4] == "s/f002"


def test_wrong_decisions_name_their_line(tmp_path, thumbs) -> None:
    catalog = make_catalog(tmp_path / "c", thumbs[:2])
    with pytest.raises(UsageError, match="line 2"):
        read_decisions(catalog, decide(tmp_path / "d.csv", ("s/f000", "s/f001", "maybe")))
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="the column 'film_a'"):
        read_decisions(catalog, tmp_path / "x.csv")
    with pytest.raises(UsageError):
        read_decisions(catalog, tmp_path / "missing.csv")


def test_the_page_shows_doubtful_pairs_first_and_needs_no_other_file(
    tmp_path, planes, thumbs
) -> None:
    edited = [thumbnail(np.ascontiguousarray(EDITS[e](planes[n]))) for n, e in
              enumerate(("gamma", "cropped", "inverted and mirrored"))]  # fmt: skip
    catalog = make_catalog(tmp_path / "c", np.concatenate([thumbs[:4], edited]))
    scores = [row["score"] for row in deduplicate(catalog)]
    page = tmp_path / "out" / "pairs.html"
    assert write_pairs(catalog, page) == 3
    text = page.read_text(encoding="utf-8")
    places = [text.index(f"{score:.3f}") for score in sorted(scores)]
    assert places == sorted(places)
    assert "copy+inverted+mirrored" in text
    assert "http" not in text.replace("data:image", "")
    assert write_pairs(catalog, page, most=1) == 1
