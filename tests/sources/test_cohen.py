"""Tests of `infmap.sources.cohen`."""

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import SOURCES, Polygon

sys.path.insert(0, str(Path(__file__).parent))
from layouts import table  # noqa: E402
from reading import LAYOUTS, read  # noqa: E402


def test_cohen_reads_laterals_scores_and_drawn_lungs_but_no_scans(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    found = read("cohen", tmp_path)
    assert set(found) == {"a.jpg", "a-L.jpg", "b.png", "c.png"}
    film = found["a.jpg"]
    assert (film.study_date, film.sex, film.age, film.offset_days) == ("2020-01-25", "F", 52, 0)
    assert found["a-L.jpg"].view == "L"
    assert found["a-L.jpg"].study_date is None
    assert {(s.name, s.value) for s in film.scores} == {("geographic_extent", 2.7), ("opacity", 2)}
    readings = {(s.name, s.reader): s.value for s in found["c.png"].scores}
    assert readings[("brixia_global", "junior")] == 17
    assert film.polygons[0] == Polygon(((3.5, 4.0), (9.0, 4.0), (9.0, 20.0)), "lungs", (24, 24))
    assert found["b.png"].polygons == ()
    assert (found["b.png"].covid19, found["b.png"].normal) == (None, None)


def test_cohen_names_damaged_and_strange_annotations(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    (tmp_path / "annotations" / "boxes.json").write_text("[1, 2]")
    (tmp_path / "annotations" / "covid-only" / "1.json").write_text("{")
    findings = SOURCES["cohen"].check(tmp_path)
    assert "2 of 3 files in annotations/ are no Darwin JSON, the first is 1.json" in findings
    assert read("cohen", tmp_path)["a.jpg"].polygons == ()


def test_cohen_names_scores_that_are_no_numbers_or_of_no_film(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    (tmp_path / "brixia-scores.csv").unlink()
    scores = tmp_path / "annotations" / "covid-severity-scores.csv"
    table(scores, "filename,geographic_mean,opacity_mean", [["z.png", 1, 2]])
    findings = SOURCES["cohen"].check(tmp_path)
    assert "brixia-scores.csv missing: no Brixia scores" in findings
    assert "1 scored films are not in metadata.csv, the first is z.png" in findings
    table(scores, "filename,geographic_mean,opacity_mean", [["a.jpg", "much", 2]])
    assert any("expected a number" in finding for finding in SOURCES["cohen"].check(tmp_path))
    with pytest.raises(UsageError, match="much"):
        read("cohen", tmp_path)
