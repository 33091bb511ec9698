from __future__ import annotations

import json
from pathlib import Path

from infmap.deidentify.boxes import Box
from infmap.deidentify.options import Options
from infmap.deidentify.report import FilmReport, write_report


def test_both_files_tell_the_same(tmp_path: Path) -> None:
    films = [
        FilmReport(1, "ok", None, "PA/FB.dcm", {"removed": {"PatientAddress": 2}}, 3),
        FilmReport(2, "failed", "expected <a film>"),
        FilmReport(3, "held", "look", found=2),
        FilmReport(4, "ok", found=1, blanked=(Box(3, 4, 5, 6),), confirmed="person"),
    ]
    write_report(tmp_path, Options(dates=True), films)
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["counts"] == {"ok": 2, "failed": 1, "held": 1}
    assert [code["code"] for code in content["profile"]] == ["113100", "113107"]
    assert content["films"][0]["elements"] == {"removed": {"PatientAddress": 2}}
    assert content["films"][3]["blanked"] == [{"x": 3, "y": 4, "width": 5, "height": 6}]
    page = (tmp_path / "report.html").read_text()
    assert "PatientAddress (2 times)" in page and "PA/FB.dcm" in page
    assert "5 x 6 at (3, 4)" in page and "confirmed by a person" in page
    assert "expected &lt;a film&gt;" in page and "http" not in page
