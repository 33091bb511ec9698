"""Rectangles on a film, in its stored pixels."""

from __future__ import annotations

from dataclasses import dataclass

from infmap.core.errors import UsageError


@dataclass(frozen=True)
class Box:
    """A rectangle of film pixels.

    Attributes:
        x: column of its left edge.
        y: row of its top edge.
        width: columns.
        height: rows.

    Raises:
        UsageError: it is empty, or begins outside the film.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise UsageError(
                "expected a box of one pixel or more inside the film, got "
                f"{self.width} x {self.height} at ({self.x}, {self.y})"
            )

    @property
    def slices(self) -> tuple[slice, slice]:
        """For an array (row, column)."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def is_inside(self, rows: int, columns: int) -> bool:
        """Whether a film of this size holds all of it."""
        return self.x + self.width <= columns and self.y + self.height <= rows
