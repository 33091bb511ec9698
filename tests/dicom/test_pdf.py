"""Tests of `infmap.dicom.pdf`."""

from __future__ import annotations

import sys
from pathlib import Path

import pydicom
import pytest

from infmap.core.errors import UsageError
from infmap.dicom import encapsulated_pdf

sys.path.insert(0, str(Path(__file__).parent))
from films import clock_of_another_day, saved  # noqa: E402
from reports import PREDICTION, film  # noqa: E402

PAGE = b"%PDF-1.4\nan odd number of bytes.\n%%EOF"


def test_the_file_comes_back(tmp_path: Path) -> None:
    encapsulated_pdf(film(), PREDICTION, PAGE).save_as(tmp_path / "a.dcm", enforce_file_format=True)
    read = pydicom.dcmread(tmp_path / "a.dcm")
    assert read.EncapsulatedDocument[: read.EncapsulatedDocumentLength] == PAGE
    assert read.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert "research use only" in read.DocumentTitle
    assert (read.PatientID, read.StudyInstanceUID) == ("p7", film().StudyInstanceUID)
    assert read.SourceInstanceSequence[0].ReferencedSOPInstanceUID == film().SOPInstanceUID


def test_the_same_film_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = saved(encapsulated_pdf(film(), PREDICTION, PAGE))
    clock_of_another_day(monkeypatch)
    assert saved(encapsulated_pdf(film(), PREDICTION, PAGE)) == first


def test_other_bytes_are_refused() -> None:
    with pytest.raises(UsageError, match="expected a PDF"):
        encapsulated_pdf(film(), PREDICTION, b"<html>")
