"""Films on a person's desk: what is shown, and what was decided on each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.deidentify.boxes import Box
from infmap.deidentify.key import Key
from infmap.deidentify.look import Look
from infmap.deidentify.pixels import levels, read_pixels
from infmap.deidentify.run import Note

# Decoded films in memory, 18 MB each at 3000 x 3000: the open one and the next.
_KEPT = 2
_MOST_BOXES = 1000
"""Of one film: more are no text."""


class Desk:
    """Decisions on films; several requests may come at once.

    Args:
        looks: the films.
        key: as of ``Look.open``.
        note: keeps each decision; None for a film that is held.
    """

    def __init__(self, looks: Sequence[Look], key: Key, note: Note | None = None) -> None:
        # A person looks first where something was found.
        ordered = sorted(looks, key=lambda look: not look.candidates)
        self.looks = {look.number: look for look in ordered}
        self.boxes: dict[int, tuple[Box, ...]] = {}
        self.held: set[int] = set()
        self._key, self._note = key, note
        self._lock = threading.Lock()
        self._films: OrderedDict[int, tuple[NDArray[np.uint16], int]] = OrderedDict()

    @property
    def open(self) -> int:
        """Films without a decision."""
        return len(self.looks) - len(self.boxes) - len(self.held)

    def film(self, number: int) -> tuple[NDArray[np.uint16], int]:
        """Grey levels of a film and their bits; see ``pixels.levels``.

        Raises:
            FilmError: the file has changed or is gone.
            KeyError: no such film.
        """
        look = self.looks[number]
        # One at a time: a browser asks for preview and film at once, and both need the same pixels.
        with self._lock:
            if number not in self._films:
                self._films[number] = levels(read_pixels(look.open(self._key).dataset))
                while len(self._films) > _KEPT:
                    self._films.popitem(last=False)
            return self._films[number]

    def decide(self, number: int, boxes: Sequence[Box]) -> None:
        """These boxes are painted, and no other text is on the film.

        Raises:
            UsageError: a box leaves the film, or there are too many.
            KeyError: no such film.
        """
        look = self.looks[number]
        if len(boxes) > _MOST_BOXES or not all(b.is_inside(look.rows, look.columns) for b in boxes):
            raise UsageError(
                f"expected at most {_MOST_BOXES} boxes inside {look.columns} x {look.rows} pixels"
            )
        with self._lock:
            self.held.discard(number)
            self.boxes[number] = tuple(boxes)
            if self._note:
                self._note(look, tuple(boxes))

    def hold(self, number: int) -> None:
        """The film is not written.

        Raises:
            KeyError: no such film.
        """
        look = self.looks[number]
        with self._lock:
            self.boxes.pop(look.number, None)
            self.held.add(look.number)
            if self._note:
                self._note(look, None)
