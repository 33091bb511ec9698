"""Tests of `infmap.sources.montgomery`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import montgomery
from infmap.sources.record import MaskCrop

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_montgomery_reads_both_lungs_and_the_reading(tmp_path: Path) -> None:
    LAYOUTS["montgomery"](tmp_path)
    films = found(montgomery.SOURCE, tmp_path)
    normal, ill = films["MCUCXR_0001_0.png"], films["MCUCXR_0104_1.png"]
    assert (normal.sex, normal.age, ill.sex, ill.age) == ("F", 27, "M", 40)
    assert classes(normal) == (False, False, True)
    assert classes(ill) == (False, None, False)
    path = "MontgomerySet/ManualMask/leftMask/MCUCXR_0001_0.png"
    assert normal.crops[0] == MaskCrop(path, "lungs", 0, 0, (40, 30))


def test_montgomery_gives_no_half_lungs_and_names_the_gap(tmp_path: Path) -> None:
    LAYOUTS["montgomery"](tmp_path)
    (tmp_path / "MontgomerySet" / "ManualMask" / "rightMask" / "MCUCXR_0001_0.png").unlink()
    film(tmp_path / "MontgomerySet" / "CXR_png" / "copy of it.png")
    assert found(montgomery.SOURCE, tmp_path)["MCUCXR_0001_0.png"].crops == ()
    assert montgomery.SOURCE.check(tmp_path) == [
        "1 of 2 films have no rightMask, the first is MCUCXR_0001_0.png",
        "1 films are not named MCUCXR_*_0 or _1 and are not read, the first is copy of it.png",
    ]
