"""Tests of `infmap.sources.chestxray14`."""

import sys
from pathlib import Path

from infmap.sources import SOURCES, Box

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from reading import LAYOUTS, read  # noqa: E402


def test_chestxray14_keeps_its_official_split_and_its_boxes(tmp_path: Path) -> None:
    LAYOUTS["chestxray14"](tmp_path)
    normal, pneumonia, infiltration, test = read("chestxray14", tmp_path).values()
    assert [normal.official_split, test.official_split] == ["train", "test"]
    assert (pneumonia.sex, pneumonia.age, pneumonia.view) == ("F", 51, "AP")
    assert pneumonia.boxes[0] == Box("Pneumonia", 3.5, 4, 10, 12)
    assert infiltration.pneumonia is None
    (tmp_path / "test_list.txt").unlink()
    assert SOURCES["chestxray14"].check(tmp_path) == [
        "test_list.txt missing: no official split",
        "1 of 4 films are in none of train_val_list.txt, test_list.txt, "
        "the first is 00000003_000.png",
    ]


def test_chestxray14_is_also_read_from_a_folder_a_label(tmp_path: Path) -> None:
    film(tmp_path / "No_findings" / "00000001_000.jpg")
    film(tmp_path / "Pneumonia" / "00000001_001.jpg")
    found = read("chestxray14", tmp_path)
    assert found["00000001_000.jpg"].normal is True
    assert found["00000001_001.jpg"].patient_id == "chestxray14:00000001"
