"""Tests of `infmap.dedup.thumbnails`."""

from __future__ import annotations

import numpy as np

from infmap.dedup.thumbnails import perceptual_hashes, thumbnail


def test_frames_are_cut_off_thumbnails(planes) -> None:
    framed = np.pad(planes[0], 40)
    difference = thumbnail(framed).astype(int) - thumbnail(planes[0])
    assert np.abs(difference).mean() < 6
    assert [len(h) for h in perceptual_hashes(thumbnail(framed)[None])] == [16]
