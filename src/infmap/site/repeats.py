"""Films of a site that show one exposure twice: copied, re-encoded, resized, windowed anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import Float32Image
from infmap.inference.film_figures import shrink

SIDE = 64
"""Of a thumbnail, samples."""
FINE, COARSE = 0.8, 2.0
"""Blurs between which fine structure lies, samples of a thumbnail."""
RIM = 3
"""Samples at the edge that a blur spoils."""
ALIKE = 0.8
"""Correlation of fine structure from which two films are one exposure. Of 4.7 million pairs of
different patients (3,072 films of seven public collections) the highest is 0.72. Films that were
cropped or rotated lie below; ``infmap catalog dedup`` finds those."""

Float32 = NDArray[np.float32]


def thumbnail(field: Float32Image) -> Float32:
    """Fine structure of a film's exposed field, float32 (D,), of length 1; free of its tone curve.

    Args:
        field: float32 (H, W), [0, 1].
    """
    from scipy.ndimage import gaussian_filter

    small = shrink(field, SIDE, SIDE)
    ranks = small.ravel().argsort(kind="stable").argsort(kind="stable").reshape(small.shape)
    ranks = ranks.astype(np.float64)
    band = gaussian_filter(ranks, FINE) - gaussian_filter(ranks, COARSE)
    flat = band[RIM:-RIM, RIM:-RIM].ravel()
    flat = flat - flat.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), np.float32)


def repeats(thumbnails: Sequence[Float32]) -> NDArray[np.int64]:
    """The first film that each one repeats, int64 (N,); its own number where it repeats none."""
    first = np.arange(len(thumbnails))
    if not len(thumbnails):
        return first
    alike = np.stack(thumbnails) @ np.stack(thumbnails).T >= ALIKE
    for i in range(1, len(first)):
        earlier = np.flatnonzero(alike[i, :i])
        if len(earlier):
            first[i] = first[earlier[0]]
    return first
