"""Tests of `infmap.sources.siim_covid19`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import siim_covid19
from infmap.sources.record import Box

sys.path.insert(0, str(Path(__file__).parent))
from layouts import table  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_siim_appearances_leave_unknown_what_they_do_not_state(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    films = found(siim_covid19.SOURCE, tmp_path)
    assert [classes(films[f"a{n}.dcm"]) for n in (0, 1, 2, 3, 9)] == [
        (None, False, None),
        (True, False, False),
        (None, None, False),
        (None, None, False),
        (None, None, None),
    ]
    assert films["a1.dcm"].boxes == (Box("opacity", 1.5, 2, 3, 4.25),)
    assert films["a0.dcm"].patient_id == films["a1.dcm"].patient_id == "siim-covid19:p0"
    assert films["a0.dcm"].view is None


def test_siim_opacities_are_somewhere_on_films_with_boxes_alone(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    films = found(siim_covid19.SOURCE, tmp_path)
    typical, negative = films["a1.dcm"], films["a0.dcm"]
    assert (typical.infection_truth, typical.opacity_truth) == ("somewhere", "somewhere")
    assert (negative.infection_truth, negative.opacity_truth) == (None, None)
    seen = {name for name, one in films.items() if one.opacity_truth}
    assert seen == {name for name, one in films.items() if one.boxes}
    header = "id,boxes,label,StudyInstanceUID"
    table(tmp_path / "train_image_level.csv", header, [])
    assert found(siim_covid19.SOURCE, tmp_path)["a1.dcm"].opacity_truth is None


def test_siim_names_films_that_are_missing_and_a_damaged_cell(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    next(tmp_path.glob("train/0/*/*.dcm")).unlink()
    (finding,) = siim_covid19.SOURCE.check(tmp_path)
    assert finding == (
        "1 of 4 films that train_image_level.csv lists are not on disk, the first is a0"
    )
    header = "id,boxes,label,StudyInstanceUID"
    table(tmp_path / "train_image_level.csv", header, [["a1_image", "[{'x': 1}]", "", "1"]])
    (finding,) = siim_covid19.SOURCE.check(tmp_path)
    assert "a1_image: expected a list of boxes" in finding
