"""Tests of `infmap.sources.figure1`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_figure1_finds_films_by_patient_and_reads_latin_text(tmp_path: Path) -> None:
    LAYOUTS["figure1"](tmp_path)
    found = read("figure1", tmp_path)
    assert found["COVID-00003a.png"].patient_id == found["COVID-00003b.png"].patient_id
    assert found["COVID-00002.jpg"].age is None
    assert found["COVID-00002.jpg"].covid19 is None
