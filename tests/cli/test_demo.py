"""Tests of `infmap.cli.demo`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402


def test_demo_prints_where_the_report_lies(tmp_path, capsys):
    assert call("demo", "-o", tmp_path) == 0
    report = Path(capsys.readouterr().out.split("report: ")[1].strip())
    assert report.is_file()
