"""Tests of `infmap.sources.bimcv_covid19`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import bimcv_covid19

sys.path.insert(0, str(Path(__file__).parent))
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_bimcv_says_covid19_by_report_or_near_test_and_never_rules_it_out(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    films = found(bimcv_covid19.SOURCE, tmp_path)
    by_patient = {record.patient_id: record for record in films.values()}
    assert classes(by_patient["bimcv-covid19:sub-S03044"]) == (True, False, False)
    # A pneumonia of the report, and a positive test 14 days later.
    assert classes(by_patient["bimcv-covid19:sub-S03045"]) == (True, False, False)
    # A normal film, and a positive test 15 days later.
    assert classes(by_patient["bimcv-covid19:sub-S03046"]) == (None, False, True)
    assert classes(by_patient["bimcv-covid19:sub-S03047"]) == (None, None, False)
    assert by_patient["bimcv-covid19:sub-S03047"].age is None
    lateral = films["sub-S03044_ses-E06259_run-1_bp-chest_vp-ll_dx.png"]
    assert (lateral.view, lateral.study_date) == ("LATERAL", "2020-04-01")
    assert (lateral.sex, lateral.age) == ("M", 74)


def test_bimcv_names_inverted_films_strangers_and_damaged_tables(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    home = tmp_path / "covid19_posi"
    header = next(home.rglob("*vp-ap_cr.json"))
    header.write_text(header.read_text().replace("MONOCHROME2", "MONOCHROME1"))
    people = home / "participants.tsv"
    people.write_text("".join(people.read_text().splitlines(keepends=True)[:-1]))
    findings = bimcv_covid19.SOURCE.check(tmp_path)
    assert any(f.startswith("1 of 5 films are MONOCHROME1") for f in findings)
    assert any(f.startswith("1 of 5 films are of patients that participants") for f in findings)
    people.write_text("one\ttwo\n")
    (finding,) = bimcv_covid19.SOURCE.check(tmp_path)
    assert "expected the column 'participant'" in finding
    with pytest.raises(UsageError, match="participant"):
        list(bimcv_covid19.SOURCE.read(tmp_path))


def test_bimcv_takes_a_cut_cell_of_labels_for_unknown(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    path = next(tmp_path.rglob("labels_covid19_posi.tsv"))
    path.write_text(path.read_text().replace("['infiltrates']", "['infiltr"))
    films = found(bimcv_covid19.SOURCE, tmp_path)
    name = "sub-S03047_ses-E06302_run-1_bp-chest_vp-ap_cr.png"
    assert classes(films[name]) == (None, None, None)
    (finding,) = bimcv_covid19.SOURCE.check(tmp_path)
    assert finding.startswith("1 of 5 films have no readable labels")
