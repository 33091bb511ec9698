"""Tests of `infmap.report.files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.report import ResultsWriter


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="cannot write .*choose another output folder"):
        ResultsWriter(tmp_path / "out")
