"""Tests of `infmap.sources.covid19_radiography`."""

import sys
from pathlib import Path

from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_radiography_pneumonias_are_opacities_somewhere_and_covid19_is_left_open(
    tmp_path: Path,
) -> None:
    LAYOUTS["covid19-radiography"](tmp_path)
    found = read("covid19-radiography", tmp_path).values()
    assert any(one.pneumonia for one in found) and any(one.covid19 for one in found)
    for one in found:
        assert one.opacity_truth == ("somewhere" if one.pneumonia else None)
        assert one.infection_truth is None


def test_radiography_folders_that_are_not_of_the_layout_are_named(tmp_path: Path) -> None:
    LAYOUTS["covid19-radiography"](tmp_path)
    (tmp_path / "COVID-19_Radiography_Dataset" / "Tuberculosis").mkdir()
    findings = SOURCES["covid19-radiography"].check(tmp_path)
    assert findings == ["unexpected folder Tuberculosis"]
