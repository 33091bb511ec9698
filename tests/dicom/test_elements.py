"""Tests of `infmap.dicom.elements`."""

from __future__ import annotations

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from infmap.dicom.elements import items, number, numbers, text, values, whole


def raw(keyword: str, vr: str, data: bytes) -> Dataset:
    """A dataset with one element as a file holds it, not converted."""
    dataset, tag = Dataset(), Tag(keyword)
    dataset[tag] = RawDataElement(tag, vr, len(data), data, 0, False, True)
    return dataset


def test_an_element_that_is_absent_or_empty_has_no_value() -> None:
    assert values(Dataset(), "WindowCenter") == []
    assert values(raw("WindowCenter", "DS", b""), "WindowCenter") == []
    assert text(Dataset(), "Modality") == ""
    assert number(Dataset(), "WindowCenter") is None


def test_numbers_are_read_as_they_are_stored() -> None:
    assert values(raw("Rows", "US", b"\x10\x00"), "Rows") == [16]
    assert values(raw("WindowCenter", "DS", b"40\\ 80.5 "), "WindowCenter") == ["40", "80.5"]
    assert numbers(raw("WindowCenter", "DS", b"40\\x"), "WindowCenter") == [40.0, None]


def test_a_decimal_comma_is_a_point_and_said() -> None:
    notes: list[str] = []
    assert number(raw("RescaleSlope", "DS", b"1,5 "), "RescaleSlope", None, notes) == 1.5
    assert notes == ["RescaleSlope has a decimal comma; read as a point"]


@pytest.mark.parametrize("data", [b"abc ", b"nan ", b"inf "])
def test_what_is_no_number_gives_the_default_and_is_said(data: bytes) -> None:
    notes: list[str] = []
    assert number(raw("RescaleSlope", "DS", data), "RescaleSlope", 2.0, notes) == 2.0
    assert notes == ["RescaleSlope is not a number and was ignored"]


def test_the_first_usable_number_counts() -> None:
    assert number(raw("WindowCenter", "DS", b"x\\7"), "WindowCenter") == 7.0
    assert whole(raw("NumberOfFrames", "IS", b"3 "), "NumberOfFrames") == 3


def test_text_is_in_capitals_without_blanks() -> None:
    assert text(raw("Modality", "CS", b"dx\0"), "Modality") == "DX"


def test_a_sequence_that_is_none_has_no_items() -> None:
    dataset = Dataset()
    dataset.VOILUTSequence = [Dataset()]
    assert len(items(dataset, "VOILUTSequence")) == 1
    assert items(Dataset(), "VOILUTSequence") == []
    assert items(raw("VOILUTSequence", "SQ", b"\x01\x02\x03"), "VOILUTSequence") == []
