"""Tests of `infmap.dicom.moment`."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydicom.dataset import Dataset

from infmap.dicom.moment import UNKNOWN, film_moment, stamp


def header(**elements: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"ContentDate": "20200102", "ContentTime": "030405.6"}, datetime(2020, 1, 2, 3, 4, 5)),
        ({"StudyDate": "20200102"}, datetime(2020, 1, 2)),
        ({"StudyDate": "20200102", "StudyTime": "1230"}, datetime(2020, 1, 2, 12, 30)),
        ({"StudyDate": "20200102", "StudyTime": "235960"}, datetime(2020, 1, 2, 23, 59, 59)),
        ({"StudyTime": "1230"}, UNKNOWN),
        ({"ContentDate": "", "AcquisitionDate": "20200103"}, datetime(2020, 1, 3)),
    ],
)
def test_the_first_stated_date_is_taken(elements: dict[str, str], expected: datetime) -> None:
    assert film_moment(header(**elements)) == expected


def test_an_invalid_date_is_passed_over() -> None:
    dataset = header(StudyDate="20200102")
    dataset["StudyDate"]._value = "yesterday"
    assert film_moment(dataset) == UNKNOWN


def test_only_what_an_object_has_is_stamped() -> None:
    made = header(ContentDate="20350101", StudyDate="20200102")
    stamp(made, datetime(2021, 3, 4, 5, 6, 7))
    assert (made.ContentDate, made.StudyDate) == ("20210304", "20200102")
    assert "ContentTime" not in made
