from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.deidentify.candidates import candidates
from infmap.deidentify.pixels import read_pixels

sys.path.insert(0, str(Path(__file__).parent))
from hospital import labelled  # noqa: E402


def lower_half(plane: np.ndarray) -> np.ndarray:
    return np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]][0] >= plane.shape[0] // 2


def test_lungs_beneath_are_said() -> None:
    for row, over in ((40, False), (270, True), (400, True)):
        (found,) = candidates(read_pixels(labelled(at=(row, 60))), lower_half)
        assert found.over_lungs is over, row


def test_a_margin_is_kept_around_the_lungs() -> None:
    """Lungs begin at row 300 of 600; the margin is 8 of 1000, on every fourth pixel."""
    (found,) = candidates(read_pixels(labelled(at=(260, 60))), lower_half)
    bottom = found.box.y + found.box.height
    assert found.over_lungs is (bottom > 296)


def test_without_lungs_the_border_alone_is_safe() -> None:
    for row, over in ((6, False), (300, True)):
        (found,) = candidates(read_pixels(labelled(at=(row, 60))), lambda plane: None)
        assert found.over_lungs is over


def test_lungs_are_not_asked_for_without_text() -> None:
    def fails(plane: np.ndarray) -> np.ndarray:
        raise AssertionError

    assert candidates(read_pixels(labelled(text="")), fails) == []
