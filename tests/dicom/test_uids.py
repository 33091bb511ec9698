"""Tests of `infmap.dicom.uids`."""

from __future__ import annotations

from pydicom.uid import UID

from infmap.dicom.uids import uid_from


def test_the_same_parts_give_the_same_valid_uid() -> None:
    made = uid_from("seg", b"\x00\xff")
    assert made == uid_from("seg", b"\x00\xff")
    assert UID(made).is_valid
    assert made.startswith("2.25.")
    assert len(made) <= 44


def test_order_and_borders_of_the_parts_count() -> None:
    made = {uid_from(*parts) for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab")]}
    assert len(made) == 4


def test_a_name_that_is_not_utf8_has_a_uid_too() -> None:
    assert UID(uid_from("film\udcff")).is_valid
