"""Two films of one patient laid over each other, by the zones of their lungs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.errors import UsageError
from infmap.core.types import ZONES
from infmap.serve import results
from infmap.serve.errors import NotFound
from infmap.serve.store import Store

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Rows (a, b, c) and (d, e, f): x' = a x + b y + c, y' = d x + e y + f."""


def matrix(store: Store, film: str, other: str) -> Matrix:
    """The map from one film's pixels to another's: scale, rotation and shift.

    Both lungs hold still what breathing and posture change: the centres of the six zones are
    matched by least squares (Umeyama 1991, without reflection).

    Args:
        store: an open server.
        film: identifier of the film that stays.
        other: identifier of the film that is laid over it.

    Returns:
        From the other's film pixels to the first's, x the column and y the row, both counted from
        the upper left corner of the film: the middle of its first pixel is (0.5, 0.5).

    Raises:
        NotFound: there is no such film.
        UsageError: the films have fewer than two zones in common.
    """
    onto, of = _centres(store, film), _centres(store, other)
    both = ~np.isnan(onto) & ~np.isnan(of)
    if np.count_nonzero(both) < 2:
        raise UsageError("films: expected two with lungs, got too few zones that both show")
    return similarity(of[both], onto[both])


def similarity(points: NDArray[np.complex128], onto: NDArray[np.complex128]) -> Matrix:
    """The map of scale, rotation and shift that brings points nearest to others.

    Args:
        points: complex (N,), x + iy of each.
        onto: where they should come to.
    """
    # A complex factor is a scale and a rotation, never a reflection: the fit is linear.
    centre, middle = points.mean(), onto.mean()
    spread = points - centre
    factor = (spread.conj() * (onto - middle)).sum() / (abs(spread) ** 2).sum()
    shift = middle - factor * centre
    return (
        (float(factor.real), -float(factor.imag), float(shift.real)),
        (float(factor.imag), float(factor.real), float(shift.imag)),
    )


def _centres(store: Store, film: str) -> NDArray[np.complex128]:
    """Centres of zones A to F, complex (6,), x + iy; NaN for an empty zone."""
    path = results.folder(store, film) / "zones.png"
    if not path.is_file():
        raise NotFound("film")
    with Image.open(path) as picture:
        labels = np.asarray(picture)
    counts = np.zeros(len(ZONES) + 1)
    sums = np.zeros(len(ZONES) + 1, np.complex128)
    # Row by row and column by column: no coordinates of every pixel of a large film.
    for axis, unit in ((0, 1.0), (1, 1.0j)):
        for zone in range(1, len(ZONES) + 1):
            along = np.count_nonzero(labels == zone, axis=axis)
            counts[zone] = along.sum()
            sums[zone] += unit * float((along * (np.arange(len(along)) + 0.5)).sum())
    with np.errstate(invalid="ignore"):
        centres: NDArray[np.complex128] = np.where(counts > 0, sums / counts, np.nan)[1:]
    return centres
