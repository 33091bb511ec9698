"""Tests of `infmap.sources.hannover`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_hannover_offsets_count_from_admission_to_the_film(tmp_path: Path) -> None:
    LAYOUTS["hannover"](tmp_path)
    found = read("hannover", tmp_path)
    assert [record.offset_days for record in found.values()] == [0, 2, None]
    assert found["61bc50d1.png"].view == "PA"
    assert found["61bc50d1.png"].sex == "F"
