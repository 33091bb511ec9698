from __future__ import annotations

import pytest

from infmap.deidentify.dummies import dummy, is_clock, moved


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("DA", "20200301", "20200228"),
        ("DA", "2020.03.01", "20200228"),
        ("DA", "20210101 ", "20201230"),
        ("DT", "20200301101500.123456+0100", "20200228101500.123456+0100"),
        ("DT", "202003", "202002"),
        ("DT", "2020", "2019"),
        ("DA", "Mustermann", None),
        ("DA", "20201301", None),
        ("DA", "00010101", None),
        ("DT", "20200301 Erika", None),
    ],
)
def test_moves_by_two_days(vr: str, value: str, expected: str | None) -> None:
    assert moved(vr, value, -2) == expected


def test_clock() -> None:
    assert all(map(is_clock, ("12", "1215", "121530.5", "")))
    assert not any(map(is_clock, ("12:15", "1", "noon")))


def test_dummies_are_valid() -> None:
    from pydicom.dataelem import DataElement
    from pydicom.valuerep import VR

    for vr in set(VR) - {VR.SQ, VR.UI} - {v for v in VR if " " in v}:
        element = DataElement(0x00100010, vr, dummy(vr), validation_mode=2)
        assert element.value not in (None, ""), vr
