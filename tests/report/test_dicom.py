"""Tests of `infmap.report.dicom`."""

from __future__ import annotations

import pytest

from infmap.core.errors import UsageError
from infmap.report.dicom import KINDS, kinds_of
from infmap.report.planes import OBJECTS


def test_kinds_are_named_once_and_in_order() -> None:
    assert kinds_of("all") == KINDS == kinds_of("seg,all")
    assert kinds_of("sr, seg,sr") == ("seg", "sr")
    for wrong in ("", "seg;sr", "SEG"):
        with pytest.raises(UsageError, match="seg, fractional, sr, sc, gsps, pdf"):
            kinds_of(wrong)


def test_every_kind_has_a_folder_that_is_cleaned_up() -> None:
    assert set(OBJECTS) == {*KINDS, "film"}
