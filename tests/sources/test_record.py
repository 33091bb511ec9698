"""Tests of `infmap.sources.record`."""

import pytest

from infmap.sources import Box, Polygon, SourceRecord


@pytest.mark.parametrize(
    "wrong",
    [{"sex": "X"}, {"age": 200.0}, {"study_date": "2020"}, {"official_split": "dev"},
     {"lung_mask": "/masks/a.png"}, {"covid19": True, "normal": True}],
)  # fmt: skip
def test_a_record_refuses_what_cannot_be(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        SourceRecord(path="a.png", **wrong)


def test_regions_refuse_what_has_no_area() -> None:
    with pytest.raises(ValueError, match="area"):
        Box("Pneumonia", 1, 1, 0, 5)
    with pytest.raises(ValueError, match="three points"):
        Polygon(((0, 0), (1, 1)), "lungs")
