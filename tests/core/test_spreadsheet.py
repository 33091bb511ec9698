"""No cell runs in a spreadsheet, and none is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infmap.core.spreadsheet import cell, cell_text

SOURCE = Path(__file__).resolve().parents[2] / "src" / "infmap"
FORMULAS = [
    "=HYPERLINK(1)",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "-film.png",
]
HARMLESS = ["a=1", "", "'quoted'", "-0.25", "+3", "-1e-05", "chest.png", "''=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_and_comes_back(text: str) -> None:
    assert cell(text) == "'" + text
    assert cell_text(cell(text)) == text


@pytest.mark.parametrize("value", [*HARMLESS, -0.5, 3, None, True])
def test_anything_else_stays(value: object) -> None:
    assert cell(value) is value
    if isinstance(value, str):
        assert cell_text(value) == value


def test_whatever_writes_csv_writes_safe_cells() -> None:
    writes = re.compile(r"csv\.(writer|DictWriter)\(")
    writers = [path for path in SOURCE.rglob("*.py") if writes.search(path.read_text("utf-8"))]
    assert len(writers) >= 5
    for path in writers:
        assert "spreadsheet import cell" in path.read_text("utf-8"), path
