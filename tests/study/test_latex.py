"""Tests of `infmap.study.latex`."""

from __future__ import annotations

from pathlib import Path

from infmap.study.latex import cell, escape, write_latex


def test_special_characters_stand_for_themselves() -> None:
    assert escape("efficientnet_lite0, 95 %") == r"efficientnet\_lite0, 95 \%"


def test_a_figure_has_its_interval_where_there_is_one() -> None:
    assert cell({"value": 0.8, "low": 0.7, "high": 0.9}) == "0.800 [0.700, 0.900]"
    assert cell({"value": 0.8, "low": None, "high": None}) == "0.800"
    assert cell({"value": None}) == "--"
    assert cell(None) == "--"


def test_a_table_has_a_row_a_run(tmp_path: Path) -> None:
    rows = [{"name": "run_1", "figures": {"f1": {"value": 0.5}}}, {"name": "b", "figures": {}}]
    table = {"title": "F1 & more", "columns": {"f1": "F1"}, "rows": rows}
    write_latex(tmp_path / "t.tex", table)
    text = (tmp_path / "t.tex").read_text()
    assert "run\\_1 & 0.500 \\\\" in text
    assert "b & -- \\\\" in text
    assert "\\caption{F1 \\& more" in text
    assert "\\begin{tabular}{lr}" in text
