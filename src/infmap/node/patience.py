"""How long a destination is tried: pauses between tries, and when an object is given up."""

from __future__ import annotations

import random
import time

from infmap.core.errors import PeerError
from infmap.dicom.network.outcome import Refused
from infmap.web.database import now

FIRST_MS, LONGEST_MS = 2_000, 300_000
"""Pause after the first failure, which doubles, and the longest one: five minutes."""
GIVE_UP_MS = 7 * 24 * 3600 * 1000
"""Time after which an object that only failed for now is a dead letter: a week, so that a PACS may
be away over a long weekend."""
REFUSED_MS = 3600 * 1000
"""The same where the peer is there and says no: an hour, as gateways say so while a PACS behind
them is brought up."""


def pause(attempts: int, rng: random.Random) -> int:
    """Milliseconds until the next attempt.

    Args:
        attempts: failed before this one; 0 for the first failure.
        rng: spreads it over the upper half of the pause.
    """
    longest = min(LONGEST_MS, FIRST_MS << min(attempts, 16))
    return rng.randint(longest // 2, longest)


def steady() -> int:
    """Milliseconds of a clock that nobody sets: one that jumps would bury all that is refused."""
    return time.monotonic_ns() // 1_000_000


class Patience:
    """Of one destination.

    Args:
        rng: spreads the pauses, so that many nodes do not come back at one moment.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        # Since when it says no. Not kept over a restart: that is what follows a repair.
        self._refused: int | None = None

    def answered(self) -> None:
        """It did something else than say no."""
        self._refused = None

    def ends(self, created: int, error: PeerError | None = None) -> bool:
        """Whether an object is given up that failed just now.

        Args:
            created: when it was planned, UTC milliseconds since 1970.
            error: of the destination as a whole; None where it is the object's own.
        """
        if isinstance(error, Refused):
            self._refused = steady() if self._refused is None else self._refused
            return steady() - self._refused >= REFUSED_MS
        if error is not None:
            self.answered()
        return now() - created >= GIVE_UP_MS

    def next(self, attempts: int, wait: float = 0.0) -> int:
        """When it is tried again, UTC milliseconds since 1970.

        Args:
            attempts: failed before this one.
            wait: seconds that the destination asks for.
        """
        return now() + max(pause(attempts, self._rng), round(1000 * wait))
