"""Tests of `infmap.sources.shenzhen`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import shenzhen

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film, mask  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import found  # noqa: E402


def test_shenzhen_reads_odd_ages_and_masks_from_beside_or_above(tmp_path: Path) -> None:
    LAYOUTS["shenzhen"](tmp_path)
    films = found(shenzhen.SOURCE, tmp_path)
    ages = [(record.sex, record.age) for record in films.values()]
    assert ages == [("M", 45), ("M", 1.33), ("F", 28)]
    assert films["CHNCXR_0001_0.png"].lung_mask == "mask/CHNCXR_0001_0_mask.png"
    (tmp_path / "mask").rename(tmp_path / "ChinaSet_AllFiles" / "masks")
    again = found(shenzhen.SOURCE, tmp_path)["CHNCXR_0327_1.png"]
    assert again.lung_mask == "ChinaSet_AllFiles/masks/CHNCXR_0327_1_mask.png"
    mask(tmp_path / "ChinaSet_AllFiles" / "masks" / "CHNCXR_0009_0_mask.png")
    (tmp_path / "ChinaSet_AllFiles" / "ClinicalReadings" / "CHNCXR_0115_0.txt").unlink()
    film(tmp_path / "ChinaSet_AllFiles" / "CXR_png" / "other.png")
    findings = shenzhen.SOURCE.check(tmp_path)
    assert findings == [
        "1 of 3 films have no lung mask, the first is CHNCXR_0115_0",
        "1 lung masks have no film, the first is CHNCXR_0009_0",
        "1 of 3 films have no clinical reading with sex and age, the first is CHNCXR_0115_0",
        "1 films are not named CHNCXR_*_0 or _1 and are not read, the first is other.png",
    ]
