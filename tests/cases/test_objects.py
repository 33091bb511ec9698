"""DICOM objects of films whose headers were refused once."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

import infmap
from infmap.dicom import header_notes, read_source

hd = pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
from validator import errors  # noqa: E402

FILMS = {
    "s06_japanese": (),
    "s10_old_date_format": ("missing or invalid elements of the header are repaired",),
    "s11_bad_date": ("invalid elements of the header are left out",),
    "s12_bad_age_sex": ("missing or invalid elements of the header are repaired", "left out"),
    "s31_bad_charset": ("left out",),
}


@pytest.fixture(scope="module")
def model() -> infmap.Model:
    return infmap.load()


@pytest.mark.parametrize("name", FILMS)
def test_objects_are_written_valid_and_repairs_are_said(
    name: str, model: infmap.Model, data: Path, tmp_path: Path
) -> None:
    folder = data.parent / "cases" / "japanese-character-set"
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist")
    path = folder / f"{name}.dcm"
    source = read_source(path)
    assert source is not None
    notes = header_notes(source)
    for said in FILMS[name]:
        assert any(said in note for note in notes), notes
    assert bool(notes) == bool(FILMS[name]), notes
    p = model.predict(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        seg = p.to_dicom_seg(path)
        report = p.to_dicom_sr(path, segmentation=seg)
    for kind, made in (("seg", seg), ("sr", report)):
        made.save_as(tmp_path / f"{kind}.dcm", enforce_file_format=True)
        assert errors(tmp_path / f"{kind}.dcm") == []
    assert hd.seg.segread(tmp_path / "seg.dcm").number_of_segments == 5
    name_read = str(hd.sr.srread(tmp_path / "sr.dcm").PatientName)
    assert ("=" in name_read and not name_read.isascii()) == (name == "s06_japanese")
