"""Tests of `infmap.cli.progress`."""

from __future__ import annotations

import io
import sys

import pytest

from infmap.cli.progress import bar, track


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def test_items_pass_through_in_order_on_a_terminal_and_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert list(track(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(track(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert "reading" in sys.stderr.getvalue()


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_is_drawn_where_nobody_looks(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal() if quiet else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(track(range(3), 3, "reading", quiet=quiet)) == [0, 1, 2]
    with bar("comparing", quiet=quiet) as step:
        step(1, 2)
    assert stream.getvalue() == ""


def test_a_long_step_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with bar("comparing") as step:
        step(1, 4)
    assert "comparing" in sys.stderr.getvalue()
