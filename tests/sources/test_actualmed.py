"""Tests of `infmap.sources.actualmed`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reading import LAYOUTS, read  # noqa: E402


def test_actualmed_takes_the_day_from_the_notes_and_keeps_doubt_unknown(tmp_path: Path) -> None:
    LAYOUTS["actualmed"](tmp_path)
    negative, positive, doubt = read("actualmed", tmp_path).values()
    assert (negative.study_date, negative.normal) == ("2020-03-10", True)
    assert positive.covid19 is True
    assert (doubt.covid19, doubt.pneumonia, doubt.normal) == (None, None, None)
