"""Tests of `infmap.sources.kermany`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import kermany

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_kermany_names_give_patients_and_folders_the_split(tmp_path: Path) -> None:
    LAYOUTS["kermany"](tmp_path)
    films = found(kermany.SOURCE, tmp_path)
    one, two = films["train-person12_bacteria_34.jpeg"], films["train-person12_bacteria_35.jpeg"]
    assert one.patient_id == two.patient_id == "kermany:person12"
    assert films["train-NORMAL2-IM-0059-0001.jpeg"].patient_id == "kermany:NORMAL2-IM-0059"
    assert films["val-NORMAL2-IM-1427-0001.jpeg"].official_split == "val"
    assert classes(one) == (False, True, False)
    normal = films["train-NORMAL2-IM-0059-0001.jpeg"]
    assert (one.opacity_truth, normal.opacity_truth) == ("somewhere", None)


def test_kermany_names_patients_of_two_splits_odd_names_and_a_second_copy(tmp_path: Path) -> None:
    LAYOUTS["kermany"](tmp_path)
    home = tmp_path / "chest_xray"
    film(home / "test" / "PNEUMONIA" / "person12_virus_1.jpeg")
    film(home / "test" / "NORMAL" / "BACTERIA-1008087-0001.jpeg")
    film(home / "test" / "NORMAL" / "other.jpeg")
    film(home / "chest_xray" / "train" / "NORMAL" / "IM-0115-0001.jpeg")
    assert kermany.SOURCE.check(tmp_path) == [
        "1 of 11 film names give no patient, the first is other.jpeg",
        "1 patients stand in several of train, val and test, the first is kermany:person12",
        "unexpected folder chest_xray in chest_xray: a second copy, not read",
    ]
    assert len(found(kermany.SOURCE, tmp_path)) == 11
