"""Tests of `infmap.report.lines`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from infmap.core.errors import UsageError
from infmap.report import (
    FilmRow,
    ResultsWriter,
    read_results,
)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 7},
        {"id": "../../x"},
        {"status": "fine"},
        {"sha256": [1]},
        {"warnings": 3},
        {"warnings": [3]},
        {"severity": 3},
        {"zones": [0.5]},
        {"quality": {"tilt": "steep"}},
        {"width": "wide"},
        {"covid_probability": math.nan},
        {"infected_fraction": "a"},
    ],
)
def test_a_line_that_someone_edited_is_damage(
    tmp_path: Path, one_of_each: list[FilmRow], changed: dict[str, Any]
) -> None:
    with ResultsWriter(tmp_path) as writer:
        for row in one_of_each:
            writer.write(row)
    path = tmp_path / "results.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps(json.loads(first) | changed) + "\n" + "".join(others))
    with pytest.raises(UsageError, match="damaged at line 1"):
        read_results(tmp_path)
