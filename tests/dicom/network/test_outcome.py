"""Tests of `infmap.dicom.network.outcome`."""

from __future__ import annotations

import pytest

from infmap.dicom.network.outcome import NO_ANSWER, NOT_ACCEPTED, Sent, reason_of


@pytest.mark.parametrize(
    ("status", "stored", "again"),
    [
        (0x0000, True, False),
        (0xB007, True, False),
        (0xA700, False, True),
        (0xA701, False, True),
        (0x0110, False, True),
        (0xA900, False, False),
        (0xC000, False, False),
        (0x0111, False, False),
    ],
)
def test_a_status_says_whether_it_is_stored_and_worth_another_try(
    status: int, stored: bool, again: bool
) -> None:
    sent = Sent("1.2", status, reason_of(status))
    assert (sent.stored, sent.again, bool(sent.reason)) == (stored, again, not stored)


def test_no_answer_is_tried_again_and_a_refused_class_is_not() -> None:
    assert Sent("1.2", None, NO_ANSWER).again
    assert (
        not Sent("1.2", None, NOT_ACCEPTED, final=True).again
        and not Sent("1.2", None, NO_ANSWER).stored
    )
