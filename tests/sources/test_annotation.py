"""What an annotation station approved, as a source."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources.annotation import SOURCE

sys.path.insert(0, str(Path(__file__).parent))
from layouts_b import annotation  # noqa: E402
from reading import read  # noqa: E402


def test_masks_are_read_and_no_class_is_guessed(tmp_path: Path) -> None:
    annotation(tmp_path)
    records = read("annotation", tmp_path)
    first, second = records["0a1b"], records["2c3d"]
    assert first.infection_mask == "approved/masks/infection/0a1b.png"
    assert first.opacity_mask == "approved/masks/opacity/0a1b.png"
    assert first.lung_mask is not None and second.lung_mask is None
    for record in records.values():
        assert (record.covid19, record.pneumonia, record.normal) == (None, None, None)
        assert record.patient_id == "annotation:77"


def test_a_patients_number_that_was_made_safe_for_spreadsheets_is_read_back(tmp_path: Path) -> None:
    annotation(tmp_path)
    table = tmp_path / "approved" / "films.csv"
    table.write_text(table.read_text().replace("annotation:77", "'=77"))
    for record in read("annotation", tmp_path).values():
        assert record.patient_id == "=77"


def test_a_film_that_is_listed_twice_is_read_once_and_a_mask_that_is_gone_is_named(
    tmp_path: Path,
) -> None:
    annotation(tmp_path)
    table = tmp_path / "approved" / "films.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1]]))
    (tmp_path / "approved/masks/infection/2c3d.png").unlink()
    assert read("annotation", tmp_path)["2c3d"].infection_mask is None
    findings = SOURCE.check(tmp_path)
    assert any("1 films stand more than once" in finding for finding in findings)
    assert any("files of the column infection_mask are not on disk" in f for f in findings)


@pytest.mark.parametrize("path", ["/etc/0a1b.png", "../../0a1b.png", "C:/0a1b.png"])
def test_a_path_that_leads_out_of_the_export_is_refused(tmp_path: Path, path: str) -> None:
    annotation(tmp_path)
    table = tmp_path / "approved" / "films.csv"
    table.write_text(table.read_text().replace("images/0a1b.png", path))
    with pytest.raises(UsageError, match="expected paths below the export"):
        list(SOURCE.read(tmp_path))
    assert any("expected paths below the export" in finding for finding in SOURCE.check(tmp_path))
