"""Film pixels to network pixels and back, keeping the aspect ratio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fit:
    """Where a film of (height, width) pixels lies in a square of ``size`` network pixels.

    The film is scaled by one factor for both axes, so that its long side fills the square, and is
    centred on the short side; the rest of the square is padding.

    Raises:
        ValueError: a side is not positive.
    """

    height: int
    width: int
    size: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.size) < 1:
            raise ValueError(f"expected positive sides, got {self}")

    @property
    def rows(self) -> int:
        """Rows of the film in network pixels."""
        return max(1, round(self.height * self.size / max(self.height, self.width)))

    @property
    def columns(self) -> int:
        """Columns of the film in network pixels."""
        return max(1, round(self.width * self.size / max(self.height, self.width)))

    @property
    def top(self) -> int:
        """Row of the film's first row in the square."""
        return (self.size - self.rows) // 2

    @property
    def left(self) -> int:
        """Column of the film's first column in the square."""
        return (self.size - self.columns) // 2

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """(row, column) slices of the film within the square."""
        return (
            slice(self.top, self.top + self.rows),
            slice(self.left, self.left + self.columns),
        )

    def pad(self, film: NDArray[np.generic]) -> NDArray[np.generic]:
        """Place a (rows, columns) plane into a (size, size) square of zeros."""
        square = np.zeros((self.size, self.size), dtype=film.dtype)
        square[self.window] = film
        return square
