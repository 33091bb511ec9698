"""Tests of `infmap.node.patience`."""

from __future__ import annotations

import random

import pytest

from infmap.core.errors import PeerError
from infmap.dicom.network.outcome import Refused
from infmap.node import patience
from infmap.node.patience import GIVE_UP_MS, LONGEST_MS, REFUSED_MS, Patience, pause


def test_pauses_double_up_to_five_minutes_and_are_spread() -> None:
    rng = random.Random(0)
    for attempts in range(40):
        longest = min(LONGEST_MS, 2_000 * 2**attempts)
        pauses = [pause(attempts, rng) for _ in range(20)]
        assert longest // 2 <= min(pauses) < max(pauses) <= longest


def test_a_refusal_is_counted_from_the_first_of_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [10 * GIVE_UP_MS]
    for clock in ("now", "steady"):
        monkeypatch.setattr(patience, clock, lambda: at[0])
    one, refused = Patience(random.Random(0)), Refused("no")
    old = at[0] - GIVE_UP_MS + 1
    assert not one.ends(old, refused) and not one.ends(old, PeerError("away"))
    at[0] += REFUSED_MS
    assert one.ends(old, PeerError("away")) and not one.ends(at[0], PeerError("away"))
    assert not one.ends(old, refused)
    at[0] += REFUSED_MS
    assert one.ends(at[0], refused)
    one.answered()
    assert not one.ends(at[0], refused)


def test_the_next_try_waits_at_least_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "now", lambda: 0)
    one = Patience(random.Random(0))
    assert one.next(0, 60.0) == 60_000 and 1_000 <= one.next(0) <= 2_000
