"""Strokes: the pixels that one movement of a tool changed.

A stroke holds a rectangle and alternating runs over its pixels, unchanged first: changed pixels
have the label's bit toggled. Undo is the same stroke again, so that no two programs need the same
rasteriser.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from infmap.core.errors import UsageError
from infmap.web.masks import LABELS, MOST_PIXELS, Mask
from infmap.web.runs import paint, runs, varints

Rect = tuple[int, int, int, int]
"""(x, y, width, height) in film pixels; x is the column."""

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DAY_MS = 86_400_000  # no movement of a tool takes a day


@dataclass(frozen=True)
class Stroke:
    """What one movement of a tool changed.

    Attributes:
        uuid: made by the page; a stroke that arrives twice counts once.
        seq: place in the draft, 1 and rising.
        tool: name of the tool, for the record; "undo" and "redo" among them.
        label: index into ``LABELS``.
        rect: (x, y, width, height) in film pixels; x is the column.
        active_ms: time that the reader was active since the stroke before, milliseconds.
        runs: varints of alternating runs over the rectangle, row-major, unchanged first.

    Raises:
        UsageError: a field is not of this form.
    """

    uuid: str
    seq: int
    tool: str
    label: int
    rect: Rect
    active_ms: int
    runs: bytes

    def __post_init__(self) -> None:
        for name, value in (("uuid", self.uuid), ("tool", self.tool)):
            if not _WORD.fullmatch(value):
                raise UsageError(f"stroke: {name} is not 1 to 64 letters, digits, '_', '.', '-'")
        x, y, width, height = self.rect
        if min(x, y) < 0 or min(width, height) < 1 or (x + width) * (y + height) > MOST_PIXELS:
            raise UsageError(f"stroke: expected a rectangle within a film, got {list(self.rect)}")
        for name, number, low, high in (
            ("seq", self.seq, 1, 1 << 31),
            ("label", self.label, 0, len(LABELS) - 1),
            ("active_ms", self.active_ms, 0, _DAY_MS),
            ("length of runs", len(self.runs), 1, width * height + 1),
        ):
            if not low <= number <= high:
                raise UsageError(f"stroke: expected {name} from {low} to {high}, got {number}")

    @classmethod
    def of_json(cls, value: object) -> Self:
        """A stroke from parsed JSON, ``runs`` as base64.

        Raises:
            UsageError: it is no stroke.
        """
        wanted = {"uuid", "seq", "tool", "label", "rect", "active_ms", "runs"}
        if not isinstance(value, dict) or set(value) != wanted:
            raise UsageError(f"stroke: expected the keys {', '.join(sorted(wanted))}")
        rect = value["rect"]
        if not isinstance(rect, list) or len(rect) != 4:
            raise UsageError("stroke: expected rect as [x, y, width, height]")
        try:
            runs = base64.b64decode(_text(value["runs"], "runs"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError("stroke: expected runs as base64") from error
        x, y, width, height = (_whole(number, "rect") for number in rect)
        return cls(
            uuid=_text(value["uuid"], "uuid"),
            seq=_whole(value["seq"], "seq"),
            tool=_text(value["tool"], "tool"),
            label=_whole(value["label"], "label"),
            rect=(x, y, width, height),
            active_ms=_whole(value["active_ms"], "active_ms"),
            runs=runs,
        )

    def to_json(self) -> dict[str, str | int | list[int]]:
        """As ``of_json`` reads it."""
        return {
            "uuid": self.uuid,
            "seq": self.seq,
            "tool": self.tool,
            "label": self.label,
            "rect": list(self.rect),
            "active_ms": self.active_ms,
            "runs": base64.b64encode(self.runs).decode("ascii"),
        }

    def apply(self, mask: Mask) -> None:
        """Toggle the stroke's pixels in a mask, uint8 (H, W), in place; twice leaves it as it was.

        Raises:
            UsageError: the rectangle leaves the film, or the runs do not fill it exactly; the
                mask is untouched then.
        """
        x, y, width, height = self.rect
        if y + height > mask.shape[0] or x + width > mask.shape[1]:
            raise UsageError(
                f"stroke: rectangle {list(self.rect)} leaves the film of"
                f" {mask.shape[1]} x {mask.shape[0]} pixels"
            )
        changed = np.zeros(width * height, np.uint8)
        used = paint(changed, 1 << self.label, self.runs)
        if used != len(self.runs):
            raise UsageError(
                f"stroke: {len(self.runs) - used} bytes of runs past the rectangle's end"
            )
        mask[y : y + height, x : x + width] ^= changed.reshape(height, width)


def changes(before: Mask, after: Mask, label: int) -> tuple[Rect, bytes] | None:
    """Rectangle and runs of the stroke between two masks of one shape; None where none is needed.

    Args:
        before: uint8 (H, W).
        after: uint8 (H, W).
        label: index into ``LABELS``; other labels are not looked at.
    """
    changed = ((before ^ after) & (1 << label)) != 0
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return None
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    rect = int(left), int(top), int(right - left), int(bottom - top)
    return rect, varints(runs(changed[top:bottom, left:right]))


def replay(mask: Mask, strokes: Iterable[Stroke]) -> Mask:
    """A copy of a mask, uint8 (H, W), with strokes applied in the order given."""
    drawn = mask.copy()
    for stroke in strokes:
        stroke.apply(drawn)
    return drawn


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"stroke: expected {name} as whole numbers")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"stroke: expected {name} as text")
    return value
