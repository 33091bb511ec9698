"""Is the film mirrored? Where the heart, the aortic arch and the stomach lie tells left from right.

A linear score of the difference between the film's two halves, within the lungs' box and a fifth
of its height below, where the stomach's air is. It is antisymmetric by construction: mirroring a
film and its lungs changes the sign alone.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.types import BoolImage, Float32Image
from infmap.inference.quality import Quality

GRID = 16
"""Rows and columns of the grid that the box is seen on."""
BELOW = 0.2
"""Part of the box's height that is looked at below it."""
LIMIT = -1.0
"""Score from which a film is probably mirrored; ``UNIT`` is chosen so that it is one."""
UNIT = 284.3
"""Score, in units of the tables, that 0.5 % of the films they were fitted on fall short of."""
MIRRORED = (
    "The film is probably mirrored: heart and stomach seem to lie on the patient's right. "
    "Left and right may be exchanged; check the side marker."
)

GREY_LEVELS = """
  16   1 -22  -4  -3 -16  19  -3
  -2 -34 -18  17   9  10 -17 -27
  -8  10  -6  28  17   4  33  -5
 -21  -7  22 -24 -26  -3  23  -2
  12  36  19 -17  -1  26  55 -37
  -3  14  -3  14  15  -5 -44 -13
   8  32 -29   7  20  -1 -30 -19
  28  10  -5 -21  12   5  29  -5
 -26 -13 -23 -23  18  18   3 -43
  -2  10 -16   1  -2 -38 -45 -28
 -27  -3  -8  26  32 -13  17  -2
  22  -4   9  40  -7  11 -14 -13
 -20 -10  10  13  -6  14 -15  -2
  -9  11   6  28   7  -5 -30  13
  -6   6  20   1   7   8   0  25
   2 -24  21 -11  24   6  18  17
"""
"""Weight of grey-level differences, image left less image right: 16 rows, the outer column first.

Linear discriminant with a ridge, fitted on 2,000 films as they are against the same mirrored
(COVID-QU-Ex Train, COVID-19 Radiography Database); see benchmarks/side.py.
"""

SHAPE = """
   2  -7 -27  33 -15  12  12 -26
  -6 -33 -14  -4  36 -33 -41 -24
 -45   4 -39  50 -11  -9 -18  16
 -36 -11  -6  12   0  51  45   1
   4  25  25 -51   5  57  88  33
  36  42  -7  -6 -52 -13 -21  -3
  33  44  27  19 -27 -52 -30 -25
  32   7  13  67  29 -18 -20  17
 -14  -3  15  55  43  37  18  -8
  20 -32 -41  32  99  35  13   0
 -56 -46  -2  10  95 -10 -15   5
  12 -36  -7  -9  90  -8   0  11
   5 -13 -16 -39  59  42  14  13
  -8  21   8 -15  23  23   6   0
  -8 -34 -29  49  21  16  -2   0
   5   9 -14   4   8   8 -23 -21
"""
"""The same for the difference in covered lung, doubled."""


def assess_side(lungs: BoolImage, pixels: Float32Image) -> Quality:
    """Assess whether a film is mirrored.

    Args:
        lungs: bool (h, w), both lungs, on any grid that covers the film exactly.
        pixels: float32 (H, W), the film or what the network sees of it, [0, 1], air dark.

    Returns:
        Quality with ``side_score``: about 2 for an ordinary film, below ``LIMIT`` for one that is
        probably mirrored, which gets a warning; NaN without lungs. Never rejects: the heart may
        lie on the right, or be pushed there.
    """
    score = _score(lungs, pixels)
    return Quality({"side_score": score}, None, (MIRRORED,) if score < LIMIT else ())


def _score(lungs: BoolImage, pixels: Float32Image) -> float:
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    # A lung smaller than half the grid would be enlarged, and its side decided by interpolation.
    if rows.size < GRID // 2 or columns.size < GRID // 2:
        return float("nan")
    top, left, right = float(rows[0]), float(columns[0]), float(columns[-1] + 1)
    # Stomach air lies below the left hemidiaphragm, outside the lungs; no lower than the film goes.
    bottom = min(rows[-1] + 1 + BELOW * (rows[-1] + 1 - rows[0]), float(lungs.shape[0]))
    box = (left, top, right, bottom)
    film = _seen(pixels, box, lungs.shape)
    # Exposure and window must not count; 1e-6 spares a box of one grey level.
    film = (film - film.mean()) / max(float(film.std()), 1e-6)
    shape = 2.0 * _seen(lungs.astype(np.float32), box, lungs.shape)
    weighted = _table(GREY_LEVELS) * _halves(film) + _table(SHAPE) * _halves(shape)
    return float(weighted.sum()) / UNIT


def _halves(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Image left less image right: (GRID, GRID / 2), the outer column first."""
    return (plane - plane[:, ::-1])[:, : GRID // 2]


def _seen(
    plane: Float32Image, box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Means over the cells of a box (left, top, right, bottom) given on a grid of another shape."""
    down, across = plane.shape[0] / shape[0], plane.shape[1] / shape[1]
    own = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    seen = image.resize((GRID, GRID), Image.Resampling.BOX, box=own)
    return np.asarray(seen, dtype=np.float64)


@cache
def _table(text: str) -> NDArray[np.float64]:
    return np.array([row.split() for row in text.strip().splitlines()], dtype=np.float64)
