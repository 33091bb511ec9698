"""Tests of `infmap.sources.rsna_pneumonia`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import rsna_pneumonia
from infmap.sources.record import Box

sys.path.insert(0, str(Path(__file__).parent))
from layouts import table  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_rsna_boxes_classes_and_patients_of_chestxray14(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    films = found(rsna_pneumonia.SOURCE, tmp_path)
    opacity = films["b.dcm"]
    assert opacity.boxes == (Box("Lung Opacity", 2, 1, 3, 4), Box("Lung Opacity", 5, 1, 2, 4))
    assert opacity.patient_id == "chestxray14:00000012"
    assert (opacity.view, opacity.sex, opacity.age) == ("PA", "F", 51)
    assert classes(films["c.dcm"]) == (False, False, False)
    assert (opacity.opacity_truth, films["c.dcm"].opacity_truth) == ("somewhere", None)
    assert films["c.dcm"].view == "AP"
    test = films["d.dcm"]
    assert (test.official_split, *classes(test)) == ("test", False, None, None)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").write_text("{")
    (finding,) = rsna_pneumonia.SOURCE.check(tmp_path)
    assert "expected a list of subset_img_id and img_id" in finding


def test_rsna_without_its_mapping_leaves_patients_unknown(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").unlink()
    assert found(rsna_pneumonia.SOURCE, tmp_path)["a.dcm"].patient_id is None
    (finding,) = rsna_pneumonia.SOURCE.check(tmp_path)
    assert finding.endswith("missing: patients are unknown, and films of one may part")


def test_a_box_that_is_no_number_is_an_error_with_its_film(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    header = "patientId,x,y,width,height,Target"
    table(tmp_path / "stage_2_train_labels.csv", header, [["b", "x", 1, 2, 3, 1]])
    with pytest.raises(UsageError, match="b: could not convert"):
        list(rsna_pneumonia.SOURCE.read(tmp_path))
    assert "could not convert" in rsna_pneumonia.SOURCE.check(tmp_path)[0]
