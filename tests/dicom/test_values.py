"""Tests of `infmap.dicom.values`."""

from __future__ import annotations

import pytest

from infmap.dicom.values import repaired


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [
        ("DA", "20200229", "20200229"),
        ("DA", "2020-02-29", "20200229"),
        ("DA", "2020.02.29", "20200229"),
        ("DA", "20210229", None),
        ("DA", "29/02/2020", None),
        ("DA", "2020-0229", None),
        ("TM", "12:05:09.5", "120509.5"),
        ("TM", "1205", "1205"),
        ("TM", "250000", None),
        ("TM", "120000.123456789", "120000.123456"),
        ("AS", "62Y", "062Y"),
        ("AS", "9m", "009M"),
        ("AS", "62", None),
        ("DS", "1,75", "1.75"),
        ("DS", "1,750", None),
        ("DS", "-1.5e3", "-1.5e3"),
        ("DS", "0.12345678901234567", "0.123456789"),
        ("DS", "inf", None),
        ("IS", "12.0", "12"),
        ("IS", "12.5", None),
        ("IS", "99999999999", None),
        ("CS", "chest", "CHEST"),
        ("CS", "chest-pa", None),
        ("CS", "A" * 17, None),
        ("LO", " a \0", "a"),
        ("LO", "a" * 64, "a" * 64),
        ("LO", "a" * 65, None),
        ("LO", "a\nb", None),
        ("ST", "a\nb", "a\nb"),
        ("SH", "   ", ""),
        ("PN", "A^B=山田^太郎", "A^B=山田^太郎"),
        ("PN", "A^B==", "A^B"),
        ("PN", "A" * 65, None),
        ("PN", "A=B=C=D", None),
        ("UI", "1.2.840.3", "1.2.840.3"),
        ("UI", "1.02", None),
        ("UI", "1..2", None),
        ("UI", "study", None),
    ],
)
def test_values_are_kept_repaired_or_refused(vr: str, text: str, expected: str | None) -> None:
    assert repaired(vr, text) == expected
