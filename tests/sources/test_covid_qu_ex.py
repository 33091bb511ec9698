"""Tests of `infmap.sources.covid_qu_ex`."""

import sys
from pathlib import Path

from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_covid_qu_ex_reads_a_film_of_both_parts_once_with_its_infection(tmp_path: Path) -> None:
    LAYOUTS["covid-qu-ex"](tmp_path)
    found = read("covid-qu-ex", tmp_path)
    assert found["covid_0.png"].infection_mask
    assert "lung-covid_0.png" not in found
    assert found["lung-covid_10.png"].infection_mask is None
    assert found["lung-covid_10.png"].lung_mask
    mask = tmp_path / str(found["covid_0.png"].infection_mask)
    mask.unlink()
    (finding,) = SOURCES["covid-qu-ex"].check(tmp_path)
    assert finding == (
        "1 of 1 films of Infection Segmentation Data/Train/COVID-19 have no infection mask, "
        "the first is covid_0.png"
    )
    assert read("covid-qu-ex", tmp_path)["covid_0.png"].infection_mask is None
