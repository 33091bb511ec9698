"""Tests of `infmap.sources.general_blockchain`."""

import sys
from pathlib import Path

from infmap.sources import SOURCES, MaskCrop

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_radiologists_crops_keep_their_place_and_undrawn_films_are_unknown(tmp_path: Path) -> None:
    LAYOUTS["general-blockchain"](tmp_path)
    crops = read("general-blockchain", tmp_path)["a.jpeg"].crops
    assert crops[0] == MaskCrop("masks/0.png", "opacity", 5, 3, (24, 24))
    assert [crop.kind for crop in crops] == ["opacity", "lungs"]
    (tmp_path / "masks" / "1.png").unlink()
    (finding,) = SOURCES["general-blockchain"].check(tmp_path)
    assert finding == (
        "1 of 3 masks that structure.csv lists are not on disk, the first is masks/1.png"
    )
    (tmp_path / "structure.csv").unlink()
    assert SOURCES["general-blockchain"].check(tmp_path) == ["structure.csv missing: no masks"]
    record = read("general-blockchain", tmp_path)["a.jpeg"]
    assert (record.crops, record.opacity_drawn) == ((), False)
