from __future__ import annotations

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from infmap.deidentify.elements import (
    dictionary_vrs,
    is_of_film,
    least_values,
    stated_vr,
    text_of,
    texts_of,
)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (0x00100010, True),
        (0x60003000, True),
        (0x00100000, False),  # length of a group
        (0x00020016, False),
        (0xFFFCFFFC, False),
        (0x00100007, False),  # in no dictionary
    ],
)
def test_what_belongs_into_a_film(tag: int, expected: bool) -> None:
    assert is_of_film(Tag(tag)) is expected


def test_the_dictionary_goes_before_the_file() -> None:
    assert stated_vr(DataElement(0x00280010, "LO", "Erika")) == "US"
    assert stated_vr(DataElement(0x00280106, "SS", 3)) == "SS"
    assert dictionary_vrs(Tag(0x00280106)) == ["US", "SS"]


def test_fewest_values() -> None:
    assert least_values(Tag(0x00080008)) == 2
    assert least_values(Tag(0x00100010)) == 1


def test_texts() -> None:
    assert texts_of(DataElement(0x00281050, "DS", ["1.50", "2"])) == ["1.50", "2"]
    assert texts_of(DataElement(0x00100020, "LO", "a\0")) == ["a"]
    assert texts_of(DataElement(0x00100020, "LO", None)) == []
    dataset = Dataset()
    dataset.PatientID = "a "
    assert text_of(dataset, "PatientID") == "a" and text_of(dataset, "PatientName") == ""
