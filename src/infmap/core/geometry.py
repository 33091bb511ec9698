"""Film pixels to network pixels and back, keeping the aspect ratio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """A rectangle of film pixels: first row and column, height and width.

    Raises:
        ValueError: it is empty or begins before the film.
    """

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if min(self.top, self.left) < 0 or min(self.height, self.width) < 1:
            raise ValueError(f"expected positive sides, got {self}")

    @property
    def slices(self) -> tuple[slice, slice]:
        """(row, column) slices of the rectangle within the film."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


@dataclass(frozen=True)
class Letterbox:
    """Where a film of (height, width) pixels lies in a square of ``size`` network pixels.

    The film, or the part of it that the network sees, is scaled by one factor for both axes, so
    that its long side fills the square, and is centred on the short side; the rest of the square
    is padding.

    Attributes:
        height: of the film, film pixels.
        width: of the film, film pixels.
        size: side of the square, network pixels.
        part: what of the film the network sees, film pixels; None for all of it.

    Raises:
        ValueError: a side is not positive, or the part is not within the film.
    """

    height: int
    width: int
    size: int
    part: Box | None = None

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.size) < 1:
            raise ValueError(f"expected positive sides, got {self}")
        bottom, right = self.field.top + self.field.height, self.field.left + self.field.width
        if bottom > self.height or right > self.width:
            raise ValueError(f"expected a part of {self.height} x {self.width}, got {self.part}")

    @property
    def field(self) -> Box:
        """What of the film the network sees, film pixels."""
        return self.part or Box(0, 0, self.height, self.width)

    @property
    def rows(self) -> int:
        """Rows of the field in network pixels."""
        return self._scaled(self.field.height)

    @property
    def columns(self) -> int:
        """Columns of the field in network pixels."""
        return self._scaled(self.field.width)

    @property
    def top(self) -> int:
        """Row of the field's first row in the square."""
        # Rounded down: an odd rest leaves one pixel more below and at the right.
        return (self.size - self.rows) // 2

    @property
    def left(self) -> int:
        """Column of the field's first column in the square."""
        return (self.size - self.columns) // 2

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """(row, column) slices of the field within the square."""
        return (
            slice(self.top, self.top + self.rows),
            slice(self.left, self.left + self.columns),
        )

    def pad(self, film: NDArray[np.generic]) -> NDArray[np.generic]:
        """Place a (rows, columns) plane into a (size, size) square of zeros."""
        square = np.zeros((self.size, self.size), dtype=film.dtype)
        square[self.window] = film
        return square

    def _scaled(self, side: int) -> int:
        # At least one pixel: a very long strip still has something to show.
        return max(1, round(side * self.size / max(self.field.height, self.field.width)))
