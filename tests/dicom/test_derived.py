"""Tests of `infmap.dicom.derived`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.core.errors import MissingExtra, UnreadableFilm, UsageError
from infmap.dicom.derived import check_extra, equipment, guarded, read_source

sys.path.insert(0, str(Path(__file__).parent))
from films import dx, saved  # noqa: E402


def test_a_header_is_read_without_its_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(saved(dx()))
    source = read_source(tmp_path / "a.dcm")
    assert source is not None
    assert source.Modality == "DX"
    assert "PixelData" not in source


def test_what_is_not_dicom_has_no_header() -> None:
    assert read_source(b"\x89PNG\r\n\x1a\n") is None


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFilm, match="found none"):
        read_source(tmp_path / "gone.dcm")


def test_what_a_library_says_of_an_element_is_not_repeated() -> None:
    with pytest.raises(UnreadableFilm) as caught, guarded("a film", "a.dcm"):
        raise ValueError("invalid value for PatientName: Doe^Jane")
    assert str(caught.value) == "a.dcm: expected a film, got one that breaks the standard"


def test_errors_of_our_own_pass_through() -> None:
    with pytest.raises(UsageError, match="ours"), guarded("a film"):
        raise UsageError("ours")


def test_long_names_are_cut_to_what_the_element_holds() -> None:
    made = equipment("x" * 100, "m" * 100)
    assert len(made["series_description"]) == 64
    assert max(map(len, made["software_versions"])) <= 64


def test_without_highdicom_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingExtra, match=r"infmap\[dicom\]"):
        check_extra()
