"""Tests of `infmap.dedup.alignment`."""

from __future__ import annotations

import cv2
import numpy as np

from infmap.dedup.alignment import Structure, align, best_alignment


def test_alignment_undoes_a_shift_and_tells_another_film(thumbs) -> None:
    move = np.array([[1, 0, 2.5], [0, 1, -1.5]], np.float32)
    moved = cv2.warpAffine(thumbs[0], move, (64, 64), None, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    found = best_alignment(Structure(thumbs[0]), Structure(moved))
    assert found.score > 0.9
    np.testing.assert_allclose(found.warp, move, atol=0.15)
    assert align(Structure(thumbs[0]), Structure(thumbs[1])).score < 0.88
