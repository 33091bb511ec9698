"""What is known of each map: from what is stated, labels and masks; also in old catalogs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from infmap.catalog.card import card_text
from infmap.catalog.ingest import ingest
from infmap.catalog.query import query
from infmap.catalog.schema import COLUMNS, make_frame, read_frame
from infmap.catalog.snapshot import read_snapshot, read_tables, write_rows
from infmap.catalog.stats import statistics
from infmap.catalog.store import Catalog
from infmap.catalog.truth import TRUTHS, film_truth, mask_paths
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))

from small_catalog import catalog as small  # noqa: E402
from small_catalog import row  # noqa: E402

LABELS = ("covid19", "pneumonia", "normal", "infection_mask", "opacity_mask", "lung_mask")


def labelled(**known: object) -> dict[str, object]:
    return {**dict.fromkeys(LABELS), **known}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ("unknown", "unknown", "unknown")),
        ({"covid19": True}, ("unknown", "unknown", "unknown")),
        ({"covid19": True, "infection_mask": "m"}, ("mask", "mask", "unknown")),
        ({"infection_mask": "m", "infection_pixels": 0}, ("empty", "empty", "unknown")),
        ({"covid19": False, "pneumonia": True}, ("empty", "unknown", "unknown")),
        ({"covid19": False, "normal": True}, ("empty", "empty", "unknown")),
        ({"covid19": False, "opacity_mask": "o"}, ("empty", "mask", "unknown")),
        ({"lung_mask": "l", "lung_pixels": 0}, ("unknown", "unknown", "mask")),
        # what is stated holds
        ({"covid19": True, "infection_truth": "empty"}, ("empty", "empty", "unknown")),
        ({"infection_truth": "empty"}, ("empty", "unknown", "unknown")),
        ({"opacity_truth": "empty"}, ("empty", "empty", "unknown")),
        ({"infection_truth": "somewhere"}, ("somewhere", "somewhere", "unknown")),
        ({"covid19": False, "opacity_truth": "somewhere"}, ("empty", "somewhere", "unknown")),
        ({"covid19": True, "infection_mask": "m", "infection_truth": "unknown"},
         ("unknown", "unknown", "unknown")),
    ],
)  # fmt: skip
def test_states_follow_from_what_is_stated_then_labels_and_masks(
    known: dict[str, object], expected: tuple[str, str, str]
) -> None:
    found = film_truth(labelled(**known))
    assert found == expected
    assert film_truth(labelled(**known) | dict(zip(TRUTHS, found, strict=True))) == expected


def test_only_a_mask_has_a_path_and_only_what_is_empty_has_none() -> None:
    somewhere = labelled(infection_truth="somewhere", infection_mask="m", lung_mask="l")
    assert mask_paths(somewhere) == (None, None, "l")
    assert mask_paths(labelled(covid19=True, infection_truth="empty")) == ("", "", None)


FILMS = [
    row("a/0", covid19=True, normal=False, infection_mask="m.png", infection_pixels=4),
    row("a/1"),
    row("a/2", covid19=False, pneumonia=True, normal=False, opacity_truth="somewhere"),
    row("b/3", covid19=None, pneumonia=None, normal=None, infection_truth="empty"),
]
STATES = {
    "a/0": ("mask", "mask", "unknown"),
    "a/1": ("empty", "empty", "unknown"),
    "a/2": ("empty", "somewhere", "unknown"),
    "b/3": ("empty", "unknown", "unknown"),
}


def states(rows: list[dict[str, object]]) -> dict[object, tuple[object, ...]]:
    return {r["film_id"]: tuple(r[name] for name in TRUTHS) for r in rows}


def test_catalog_query_snapshot_and_statistics_hold_the_states(tmp_path: Path) -> None:
    opened = small(tmp_path / "catalog", FILMS)
    assert states(opened.films()) == STATES
    sql = "SELECT film_id FROM films WHERE opacity_truth = 'somewhere'"
    with query(opened.folder, sql) as result:
        assert list(result.rows) == [("a/2",)]
    write_rows(tmp_path / "s", opened.film_frame(), roots=opened.places())
    frame, _ = read_snapshot(tmp_path / "s")
    assert states(frame.to_dicts()) == STATES
    counts = statistics(opened).to_dict()["truth"]
    assert counts[0] == {
        "source": "a", "map": "infection", "mask": 1, "empty": 2, "somewhere": 0, "unknown": 0,
    }  # fmt: skip
    assert [
        (one["source"], one["map"], one["somewhere"]) for one in counts if one["somewhere"]
    ] == [("a", "opacity", 1)]
    about = {"films": 4, "sha256": "0" * 64, "created": "today", "infmap": "0", "files": {}}
    text = card_text(read_tables(tmp_path / "s"), about)
    assert "| a | opacity | 1 | 1 | 1 | 0 |" in text


def test_tables_written_before_the_columns_are_read_as_their_labels_and_masks_say(
    tmp_path: Path,
) -> None:
    old = [name for name in COLUMNS["films"] if name not in TRUTHS]
    frame = make_frame("films", FILMS).select(old)
    frame.write_parquet(tmp_path / "films.parquet")
    found = read_frame("films", tmp_path / "films.parquet")
    assert states(found.to_dicts()) == STATES | {
        "a/2": ("empty", "unknown", "unknown"),
        "b/3": ("unknown", "unknown", "unknown"),
    }


def truth(root: Path, *rows: tuple[str, ...]) -> None:
    with (root / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "infection", "opacity", "covid19"), *rows])


def test_a_table_beside_the_films_of_any_source_states_their_truth(
    make_cohen: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_cohen(6)  # COVID-19, no finding, SARS, and again
    truth(
        root,
        ("images/f00[03].png", "empty", "empty", "unknown"),
        ("images/f002.png", "", "somewhere", ""),
        ("images/gone.png", "empty", "", ""),
    )
    opened = Catalog(tmp_path / "catalog")
    report = ingest(opened, {"cohen": root})
    films = {r["film_id"].removeprefix("cohen/"): r for r in opened.films()}
    found = {name: tuple(r[n] for n in (*TRUTHS[:2], "covid19")) for name, r in films.items()}
    assert found == {
        "f000.png": ("empty", "empty", None),
        "f001.png": ("empty", "empty", False),
        "f002.png": ("empty", "somewhere", False),
        "f003.png": ("empty", "empty", None),
        "f004.png": ("empty", "empty", False),
        "f005.png": ("empty", "unknown", False),
    }
    assert "truth.csv states the truth of 3 films" in report.notes["cohen"]
    assert any("1 of 3 rows of truth.csv" in note for note in report.notes["cohen"])
    (root / "truth.csv").unlink()
    assert ingest(opened, {"cohen": root}).measured == 0
    again = opened.film_frame().filter(pl.col("infection_truth") == "unknown")
    assert again["film_id"].to_list() == ["cohen/f000.png", "cohen/f003.png"]


def test_a_table_that_contradicts_its_source_is_refused_and_nothing_changes(
    make_cohen: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_cohen(3)
    opened = Catalog(tmp_path / "catalog")
    ingest(opened, {"cohen": root})
    before = opened.films()
    truth(root, ("images/f001.png", "", "somewhere", ""))
    with pytest.raises(UsageError, match="truth.csv: images/f001.png: .* normal film"):
        ingest(opened, {"cohen": root})
    assert opened.films() == before
