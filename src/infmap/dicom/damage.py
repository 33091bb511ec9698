"""Why a stream of compressed pixels gives no picture."""

from __future__ import annotations


class Damaged(Exception):
    """The stream breaks its own rules."""


class TooLarge(Damaged):
    """It says that it has more pixels than are allowed. The argument says how many."""


class NotRead(Exception):
    """The stream may be right, but no decoder here reads it. The argument says what it is."""
