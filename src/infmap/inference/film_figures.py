"""What the quality gate measures on a film's pixels alone."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.types import Float32Image

Float64 = NDArray[np.float64]
SEEN = 128
"""Longest side of the grid on which films and masks are measured."""

HALF_MATCH = 0.3
"""Least match of both halves with the mean frontal film for a picture to be two films: 5 % of
whole films reach it, 95 % of halves of two films side by side."""

FRONTAL = """
0000124554210000
1122234554322211
2333333553333332
3444323553234443
3444213553124443
3453213663123543
3453224664223543
3443224774223443
2443235775323442
2443346886433442
2344456886544432
2345567887655432
1345678998765431
1356788998876531
1357889999887531
1367889999887631
"""
"""Mean grey-level rank of 450 frontal films (COVID-QU-Ex), made mirror-symmetric, in tenths."""


def film_figures(pixels: Float32Image) -> dict[str, float]:
    """Figures of a film.

    Args:
        pixels: float32 (H, W), the exposed field, [0, 1], air dark.

    Returns:
        ``tone_range`` (1st to 99th percentile), ``clipped_dark`` and ``clipped_bright`` (share of
        pixels), ``levels`` (distinct grey levels in 8 bits), ``smoothness`` (correlation of
        neighbouring pixels), ``gradient`` (share of the variance that a quadratic surface
        explains), ``frontal_match`` (correlation with the mean frontal film) and ``halves_match``
        (how much better its two halves match it than the whole: the larger of left and right,
        upper and lower; -1 where they do not).
    """
    # 64 samples a side, four for each cell of FRONTAL: the least side that the gate lets through,
    # so no film is enlarged.
    film = shrink(pixels, 64, 64)
    whole = frontal_match(film)
    halves = (
        min(frontal_match(film[:, :32]), frontal_match(film[:, 32:])),
        min(frontal_match(film[:32]), frontal_match(film[32:])),
    )
    return _grey_levels(pixels) | {
        "gradient": _gradient(film),
        "frontal_match": whole,
        "halves_match": max((h - whole if h > HALF_MATCH else -1.0) for h in halves),
    }


def shrink(pixels: Float32Image, height: int, width: int) -> Float64:
    """Resample a plane to (height, width) by means over areas."""
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    small = image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, dtype=np.float64)


def frontal_match(film: Float64, quarters: int = 0) -> float:
    """Correlation of the ranks of grey levels with the mean frontal film.

    Args:
        film: (H, W), any grey levels.
        quarters: quarter turns counter-clockwise of the mean film.
    """
    mean = _mean_film()
    small = shrink(film.astype(np.float32), *mean.shape).ravel()
    _, inverse, counts = np.unique(small, return_inverse=True, return_counts=True)
    # Ranks, ties shared: windows, gamma and equalisation change grey levels but not their order.
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)].reshape(mean.shape)
    rank = rank - rank.mean()
    scale = math.sqrt(float((rank**2).sum()) * float((mean**2).sum()))
    return float((rank * np.rot90(mean, quarters)).sum()) / scale if scale else math.nan


@cache
def _mean_film() -> Float64:
    mean = np.array([[int(c) for c in row] for row in FRONTAL.split()], dtype=np.float64)
    return np.asarray(mean - mean.mean())


def _grey_levels(pixels: Float32Image) -> dict[str, float]:
    # Every stride-th pixel, not means: averaging would smooth noise away and hide single levels.
    stride = max(1, min(pixels.shape) // SEEN)
    here, beside = pixels[::stride, :-1:stride].ravel(), pixels[::stride, 1::stride].ravel()
    low, high = np.percentile(here, [1, 99])
    # A constant has no correlation; numpy would warn and give NaN.
    flat = here.min() == here.max() or beside.min() == beside.max()
    return {
        "tone_range": float(high - low),
        # 0.01: within 3 levels of 255 of the end, which JPEG's rounding moves a clipped pixel by.
        "clipped_dark": float((here <= 0.01).mean()),
        "clipped_bright": float((here >= 0.99).mean()),
        "levels": float(np.count_nonzero(np.bincount((here * 255).astype(np.int64)))),
        "smoothness": math.nan if flat else float(np.corrcoef(here, beside)[0, 1]),
    }


@cache
def _quadratics(shape: tuple[int, int]) -> Float64:
    """Orthonormal quadratic surfaces on a grid (H, W): (H * W, 6)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    return np.linalg.qr(terms)[0]


def _gradient(film: Float64) -> float:
    levels = film.ravel() - film.mean()
    energy = float(levels @ levels)
    height, width = film.shape
    explained = float(np.sum((_quadratics((height, width)).T @ levels) ** 2))
    # 1e-9: below the rounding of float32, a plane without any difference.
    return explained / energy if energy > 1e-9 else math.nan
