"""Whether two films show one exposure: their fine structure, laid over each other.

Chest films share their coarse structure, so it tells nothing of identity. Ribs, vessels, devices
and markers do, once one film is laid over the other by an affine map (enhanced correlation
coefficient, Evangelidis and Psarakis 2008, as OpenCV computes it), which undoes crops, turns and a
lost aspect.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from infmap.dedup.embedding import LOOKS, mid_ranks
from infmap.dedup.thumbnails import SIDE

# Pearson r on the narrow band from which two films are one exposure. Nearest films of two people
# reach 0.7 there, copies 0.85 and more (docs/decisions/013, which says how the limits were set:
# on 300 films of covid-qu-ex Train and their edits, and by eye on pictures of natural pairs).
# The limits below only give a pair up early; on the wide band two people reach 0.8.
THRESHOLD = 0.88
_STARTS = 0.20  # correlation before alignment below which there is nothing to align
_HOPEFUL = 0.80  # at half size, below which the full size is not looked at
_ALIGNED = 0.84  # on the wide band, below which the narrow one is not looked at
_OVERLAP = 0.45  # of the thumbnail
# Singular values of the map; chosen by hand: a crop to two thirds and its inverse.
_STRETCH = (0.65, 1.55)
_EDGE = 2  # pixels that a blur spoils
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

Plane = NDArray[np.float32]
Warp = NDArray[np.float32]


class Structure:
    """The fine structure of a film, free of its contrast curve.

    Args:
        thumb: uint8 (64, 64).
        sign: -1 for a film of the other polarity.

    Attributes:
        wide: float32 (64, 64), between blurs of 0.8 and 4 pixels; alignment follows it.
        small: float32 (32, 32), the same at half size.
    """

    def __init__(self, thumb: NDArray[np.uint8], sign: float = 1.0) -> None:
        flat = thumb.reshape(1, -1).astype(np.uint16)
        # Ranks instead of grey levels: gamma, windows and equalisation keep the order.
        ranks = mid_ranks(flat, 256).reshape(SIDE, SIDE) * np.float32(sign)
        # Pixels of the thumbnail: 0.8 takes noise and JPEG blocks away, 4 and 2 the coarse
        # structure that all chests share. The narrower band tells people apart better, the wider
        # one is easier to follow.
        self._soft = cv2.GaussianBlur(ranks, (0, 0), 0.8)
        self._ranks = ranks
        self.wide = self._band(4.0)
        self.small = _halved(self.wide)

    @cached_property
    def narrow(self) -> Plane:
        """Between blurs of 0.8 and 2 pixels, float32 (64, 64); identity is decided by it."""
        return self._band(2.0)

    def mirrored(self) -> Structure:
        """Left and right exchanged."""
        other = copy(self)
        other.__dict__.pop("narrow", None)
        for name in ("_soft", "_ranks", "wide", "small"):
            setattr(other, name, np.ascontiguousarray(getattr(self, name)[:, ::-1]))
        return other

    def _band(self, sigma: float) -> Plane:
        return _even(self._soft - cv2.GaussianBlur(self._ranks, (0, 0), sigma))


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well two films agree, and how one lies on the other.

    Attributes:
        score: Pearson r of the fine structure where the films overlap, [-1, 1].
        warp: float32 (2, 3), place (x, y) in the first thumbnail to place in the second, pixels.
    """

    score: float
    warp: Warp


def align(a: Structure, b: Structure, start: Warp | None = None) -> Alignment:
    """Lay the second film over the first, at half size, then in full.

    Pairs that cannot become duplicates are given up early; their score is what was reached.

    Args:
        a: of the first film.
        b: of the second film.
        start: float32 (2, 3), where to start; the films as they are where not given.
    """
    warp = np.eye(2, 3, dtype=np.float32) if start is None else start
    linear = warp[:, :2]
    # Pixel centres lie at whole numbers: half a pixel is taken off before halving and put back
    # after.
    half = np.column_stack([linear, (warp[:, 2] - 0.5 + linear.sum(axis=1) / 2) / 2])
    half = half.astype(np.float32)
    reached = correlation(a.small, b.small, half)
    if reached < _STARTS:
        return Alignment(reached, warp)
    # Few steps and a loose stop: the full size refines it. Both chosen by hand for speed.
    half, reached = _follow(a.small, b.small, half, 10, 1e-3)
    linear = half[:, :2]
    warp = np.column_stack([linear, 2 * half[:, 2] + 0.5 - linear.sum(axis=1) / 2])
    warp = warp.astype(np.float32)
    if reached < _HOPEFUL:
        return Alignment(reached, warp)
    warp, reached = _follow(a.wide, b.wide, warp, 20, 1e-4)
    stretch = np.linalg.svd(warp[:, :2], compute_uv=False)
    if reached < _ALIGNED or stretch[1] < _STRETCH[0] or stretch[0] > _STRETCH[1]:
        # A map that stretches too far fits anything onto anything: its score stays below a
        # duplicate's.
        return Alignment(min(reached, _ALIGNED), warp)
    return Alignment(correlation(a.narrow, b.narrow, warp), warp)


def _follow(a: Plane, b: Plane, warp: Warp, steps: int, gain: float) -> tuple[Warp, float]:
    """Improve a map by some steps; -1 where they do not converge."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, gain)
    try:
        _, found = cv2.findTransformECC(a, b, warp.copy(), cv2.MOTION_AFFINE, criteria, None, 1)
    except cv2.error:
        return warp, -1.0
    moved = np.asarray(found, np.float32)
    return moved, correlation(a, b, moved)


def pixel_warp(warp: NDArray[np.float64]) -> Warp:
    """A map in unit coordinates about the middle as one in thumbnail pixels, float32 (2, 3)."""
    middle = np.full(2, (SIDE - 1) / 2)
    linear = warp[:, :2]
    shift = middle + warp[:, 2] * SIDE / 2 - linear @ middle
    return np.column_stack([linear, shift]).astype(np.float32)


def pixel_scale(warp: Warp, side: int) -> Warp:
    """A map in thumbnail pixels as one in pixels of a picture of another side, float32 (2, 3)."""
    ratio, linear = side / SIDE, warp[:, :2]
    shift = ratio * warp[:, 2] + (ratio - 1) / 2 * (1 - linear.sum(axis=1))
    return np.column_stack([linear, shift]).astype(np.float32)


def best_alignment(a: Structure, b: Structure) -> Alignment:
    """Lay the second film over the first, from the look that fits best or its inverse."""
    whole = [np.vstack([look, [0.0, 0.0, 1.0]]) for look in LOOKS]
    # Either film may be the cropped one: the inverse of each look is tried as well.
    starts = [pixel_warp(m[:2]) for w in whole for m in (w, np.linalg.inv(w))]
    return align(a, b, max(starts, key=lambda start: correlation(a.wide, b.wide, start)))


def _even(plane: Plane) -> Plane:
    """Divide by the local contrast, so that gamma and local equalisation matter little."""
    # 6 pixels: wider than the band, so that contrast is evened and structure is not. 1e-3 keeps
    # plain parts, whose ranks differ little, from becoming noise of full contrast.
    power = cv2.GaussianBlur(plane * plane, (0, 0), 6.0)
    return np.asarray(plane / np.sqrt(power + 1e-3), np.float32)


def _halved(plane: Plane) -> Plane:
    return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def correlation(a: Plane, b: Plane, warp: Warp) -> float:
    """Pearson r over the common area; -1 where too little is common.

    Args:
        a: float32 (S, S).
        b: float32 (S, S).
        warp: float32 (2, 3), place (x, y) in ``a`` to place in ``b``, pixels.
    """
    size = len(a)
    moved = cv2.warpAffine(b, warp, (size, size), None, _FLAGS)
    # 0.99: only pixels made wholly of pixels of the film, not of what lies outside.
    common = cv2.warpAffine(_ONES[:size, :size], warp, (size, size), None, _FLAGS) > 0.99
    common[:_EDGE] = common[-_EDGE:] = False
    common[:, :_EDGE] = common[:, -_EDGE:] = False
    if common.sum() < _OVERLAP * size * size:
        return -1.0
    x, y = a[common], moved[common]
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y) + 1e-12))


_ONES = np.ones((SIDE, SIDE), np.float32)
