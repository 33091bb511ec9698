"""truth.csv, and what rows of a user's own table state."""

from __future__ import annotations

from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources.own_tables import TruthTable, stated_labels, stated_truth
from infmap.sources.record import SourceRecord


def table(root: Path, text: str) -> TruthTable:
    (root / "truth.csv").write_text(text)
    return TruthTable(root)


def test_without_a_table_a_record_stays_as_it_is(tmp_path: Path) -> None:
    record, none = SourceRecord("a.png", covid19=True), TruthTable(tmp_path)
    assert none.apply(record) is record
    assert none.findings() == []


def test_the_path_itself_goes_before_patterns_and_later_patterns_before_earlier(
    tmp_path: Path,
) -> None:
    said = table(
        tmp_path, "path,infection\nCOVID/a[1].png,unknown\nCOVID/*,empty\n*b.png,somewhere\n"
    )
    found = {
        path: said.apply(SourceRecord(path)).infection_truth
        for path in ("COVID/a[1].png", "COVID/images/c.png", "COVID/b.png", "Normal/c.png")
    }
    assert list(found.values()) == ["unknown", "empty", "somewhere", None]
    assert said.findings() == ["truth.csv states the truth of 3 films"]


def test_what_is_stated_goes_before_the_sources_mask_and_the_rest_stays(tmp_path: Path) -> None:
    record = SourceRecord("a.png", covid19=True, infection_mask="m.png", lung_mask="l.png", age=40)
    said = table(tmp_path, "path;infection;label\na.png;Empty;unknown\n")
    changed = said.apply(record)
    assert (changed.infection_truth, changed.infection_mask) == ("empty", None)
    assert (changed.covid19, changed.pneumonia, changed.normal) == (None, None, None)
    assert (changed.lung_mask, changed.age, changed.opacity_truth) == ("l.png", 40, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,infection\na.png,none at all\n", "row 1: expected empty, somewhere, unknown"),
        ("path,covid19\na.png,1\nb.png,maybe\n", "row 2: expected 1, 0 or nothing, got 'maybe'"),
        ("path,label\na.png,cancer\n", "row 1: expected the label"),
        ("path,infection\na.png,empty\na.png,empty\n", "row 2: expected a.png once"),
        ("film,infection\na.png,empty\n", "expected the column 'path'"),
    ],
)
def test_a_row_that_cannot_be_meant_is_one_clear_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        table(tmp_path, text)


def test_a_statement_that_the_source_contradicts_names_film_and_table(tmp_path: Path) -> None:
    said = table(tmp_path, "path,infection\na.png,somewhere\n")
    with pytest.raises(UsageError, match="truth.csv: a.png: expected no infection"):
        said.apply(SourceRecord("a.png", covid19=False))


def test_cells_are_read_alike_in_every_table() -> None:
    assert stated_truth({"infection": "Somewhere"}, "infection") == "somewhere"
    assert stated_truth({"infection": ""}, "infection") is None
    assert stated_labels({"label": "COVID-19"}) == (True, False, False)
    assert stated_labels({"label": "unknown", "covid19": "1"}) == (None, None, None)
    assert stated_labels({"covid19": "unknown", "normal": "0"}) == (None, None, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"infection_truth": "mask"},
        {"infection_truth": "empty", "infection_mask": "m.png"},
        {"infection_truth": "somewhere", "covid19": False},
        {"infection_truth": "somewhere", "opacity_truth": "empty"},
        {"opacity_truth": "somewhere", "normal": True},
    ],
)
def test_a_record_refuses_a_truth_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"a\.png: expected"):
        SourceRecord("a.png", **wrong)  # type: ignore[arg-type]
