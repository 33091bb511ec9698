"""Tests of `infmap.sources.folder`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.sources import folder
from infmap.sources.record import SourceFailure, SourceRecord

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film, mask, table  # noqa: E402
from layouts_b import LAYOUTS, dicom  # noqa: E402
from reading import classes, found  # noqa: E402


def test_a_table_of_own_films_keeps_empty_cells_unknown(tmp_path: Path) -> None:
    LAYOUTS["folder"](tmp_path)
    one, two, three = folder.SOURCE.read(tmp_path)
    assert (one.film_name, two.film_name) == ("a-1.png", "b-1.png")
    assert (one.patient_id, one.sex, one.age, one.offset_days) == ("folder:p1", "F", 61, 3)
    assert (one.infection_mask, one.official_split) == ("m/1.png", "train")
    assert classes(one) == (True, None, None)
    assert (two.view, *classes(two)) == ("L", False, True, False)
    assert (three.path, *classes(three)) == ("b/2.dcm", None, None, None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a.png", "", "", "dev"], "expected one of"),
        (["a.png", "maybe", ""], "expected 1, 0 or nothing, got 'maybe'"),
        (["a.png", "", "flu"], "expected the label covid19, pneumonia or normal"),
        (["../a.png", "", ""], "expected paths below its folder"),
        (["/a.png", "", ""], "expected paths below its folder"),
    ],
)
def test_a_row_of_own_films_that_cannot_be_meant_is_a_failure_and_the_others_go_on(
    tmp_path: Path, row: list[str], message: str
) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "b.png")
    table(tmp_path / "films.csv", "path,normal,label,split", [row, ["b.png", "1", ""]])
    failure, record = folder.SOURCE.read(tmp_path)
    assert isinstance(failure, SourceFailure) and isinstance(record, SourceRecord)
    assert (failure.path, record.path) == (row[0], "b.png")
    assert message in failure.reason and "\n" not in failure.reason
    assert any(message in finding for finding in folder.SOURCE.check(tmp_path))


def test_a_table_of_own_films_is_checked_cell_by_cell(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    rows = [["a.png", "normal", "x.png", "fifty"], ["gone.png", "", "", ""], ["a.png"] + [""] * 3]
    table(tmp_path / "films.csv", "path,label,lung_mask,age", rows)
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 3 films that films.csv lists are not on disk, the first is gone.png",
        "1 of 3 films are twice in films.csv, the first is a.png",
        "1 of 1 files of the column lung_mask are not on disk, the first is x.png",
        "1 of 3 films have a cell of age that says nothing certain, the first is a.png",
    ]


def test_a_table_of_own_films_states_a_truth_without_a_mask(tmp_path: Path) -> None:
    rows = [
        ["a.png", "empty", "", "", "unknown"],
        ["b.png", "", "Somewhere", "", "pneumonia"],
        ["c.png", "empty", "", "m.png", ""],
        ["d.png", "no", "", "", ""],
        ["e.png", "NA", "", "m.png", "covid19"],
    ]
    for row in rows:
        film(tmp_path / row[0])
    table(tmp_path / "films.csv", "path,Infection,opacity,infection_mask,label", rows)
    films = {one.path: one for one in folder.SOURCE.read(tmp_path)}
    stated = [
        (one.infection_truth, one.opacity_truth) if isinstance(one, SourceRecord) else one.reason
        for one in films.values()
    ]
    assert stated == [
        ("empty", None),
        (None, "somewhere"),
        "expected infection as a mask or 'empty', got both",
        "expected empty, somewhere, unknown or nothing for infection, got 'no'",
        (None, None),
    ]
    assert classes(films["a.png"]) == (None, None, None)


@pytest.mark.parametrize("images", ["images", "."])
def test_folders_of_classes_with_masks_by_name(tmp_path: Path, images: str) -> None:
    for kind in ("covid19", "pneumonia", "normal"):
        film(tmp_path / images / kind / "1.jpg")
    dicom(tmp_path / images / "2.dcm", "p")
    for kind in ("covid19", "pneumonia"):
        mask(tmp_path / "masks" / kind / "1.png")
    mask(tmp_path / "lungs" / "2.png")
    mask(tmp_path / "lungs" / "9.png")
    films = found(folder.SOURCE, tmp_path)
    assert set(films) == {"2.dcm", "covid19-1.jpg", "normal-1.jpg", "pneumonia-1.jpg"}
    covid19, other = films["covid19-1.jpg"], films["pneumonia-1.jpg"]
    assert covid19.infection_mask == covid19.opacity_mask == "masks/covid19/1.png"
    assert (other.infection_mask, other.opacity_mask) == (None, "masks/pneumonia/1.png")
    assert classes(films["2.dcm"]) == (None, None, None)
    assert films["2.dcm"].lung_mask == "lungs/2.png"
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 4 films lie in no folder covid19, pneumonia or normal, the first is 2.dcm",
        "1 of 2 files of lungs/ have no film, the first is lungs/9.png",
    ]
