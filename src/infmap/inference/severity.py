"""From the opacity share of each lung to an extent score and a grade.

Extent is the geographic extent of Wong et al. 2020 (Radiology 296:E72): 0 to 4 for each lung,
0 none, 1 below 25 %, 2 to 50 %, 3 to 75 %, 4 above; 0 to 8 in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field

from infmap.core.types import GRADES, Grade, Severity

LUNG_MAX = 4.0
"""Highest extent of one lung."""
# Points of the extent score. Steps of two points: this project's own cut of the scale, chosen by
# hand; the score has no grades in the paper.
CUTS = (0.5, 2.5, 4.5, 6.5)
"""First total score of mild, moderate, severe, critical: between whole scores."""

Number = Annotated[float, Field(ge=0.0, le=2 * LUNG_MAX)]
Numbers = Annotated[tuple[Number, ...], Field(max_length=1000)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Calibration:
    """A monotone map from one lung's share to its extent, and what it is worth.

    The share of a lung is the mean opacity probability over it: what a network doubts counts in
    part, as it does for a reader. Without arguments: the definition's own map, centres of its
    quarters joined by lines, with an interval as wide as the score, because nothing was measured.

    Attributes:
        knots: shares of a lung, [0, 1], ascending from 0 to 1.
        extents: extent of one lung at each knot, never falling, from 0 to 4; lines in between.
        half_widths: half widths of the interval at total scores 0 and 8, growing in between by a
            line.
        alpha: share of films that the interval was made to miss.
        cuts: first total score of mild, moderate, severe, critical.
        population: films that it was fitted on.
        coverage: measured share of patients whose score the interval holds, by cross-validation;
            None where nothing was measured.
        films: films with readings behind it; 0 for the definition's own map.
        healthy: healthy films behind it, with extent 0.

    Raises:
        ValueError: knots, extents or cuts are not ordered or out of range.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    knots: Numbers = (0.0, 0.125, 0.375, 0.625, 0.875, 1.0)
    extents: Numbers = (0.0, 1.0, 2.0, 3.0, 4.0, 4.0)
    half_widths: tuple[Number, Number] = (8.0, 8.0)
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    cuts: tuple[Number, Number, Number, Number] = CUTS
    population: Annotated[str, Field(min_length=1, max_length=500)] = (
        "no film: the definition's own map"
    )
    coverage: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    films: Count = 0
    healthy: Count = 0

    def __post_init__(self) -> None:
        k, e = self.knots, self.extents
        if len(k) != len(e) or len(k) < 2 or k[0] != 0.0 or k[-1] != 1.0:
            raise ValueError(f"expected as many extents as knots from 0 to 1, got {k} and {e}")
        if any(b <= a for a, b in zip(k, k[1:], strict=False)):
            raise ValueError(f"expected ascending knots, got {k}")
        rising = all(b >= a for a, b in zip(e, e[1:], strict=False))
        if not rising or e[0] != 0.0 or e[-1] != LUNG_MAX:
            raise ValueError(f"expected extents that rise from 0 to 4, got {e}")
        ordered = all(b > a for a, b in zip(self.cuts, self.cuts[1:], strict=False))
        if len(self.cuts) != len(GRADES) - 1 or not ordered or self.cuts[0] <= 0.0:
            raise ValueError(f"expected four ascending cuts above 0, got {self.cuts}")
        if not (0.0 < self.alpha < 1.0 and min(self.half_widths) >= 0.0):
            raise ValueError(f"expected alpha in (0, 1), half widths >= 0, got {self}")

    def extent(self, share: float) -> float:
        """Extent of one lung, 0 to 4, for its share in [0, 1]; NaN for NaN."""
        if not (math.isnan(share) or 0.0 <= share <= 1.0):
            raise ValueError(f"expected a share in [0, 1], got {share!r}")
        return math.nan if math.isnan(share) else float(np.interp(share, self.knots, self.extents))

    def grade(self, score: float) -> Grade:
        """The step that a total score, 0 to 8, falls into."""
        return GRADES[sum(score >= cut for cut in self.cuts)]

    def grades(self, interval: tuple[float, float]) -> tuple[Grade, ...]:
        """Every step that an interval of total scores reaches, mildest first."""
        # Grades are ordered, so the ends of the interval name all between.
        low, high = (GRADES.index(self.grade(score)) for score in interval)
        return GRADES[low : high + 1]

    def half_width(self, score: float) -> float:
        """Half width of the interval at a total score, 0 to 8."""
        return float(np.interp(score, (0.0, 2 * LUNG_MAX), self.half_widths))


def grade_severity(right: float, left: float, calibration: Calibration) -> Severity:
    """Extent score, grade and interval of one film.

    Args:
        right: opaque fraction of the patient's right lung, [0, 1]; NaN where it was not found.
        left: the same for the left lung.
        calibration: fitted on shares of the same map.

    Returns:
        Severity. Where one lung was not found, absent is not healthy: the other stands for both,
        its own part is NaN, and the interval covers every extent the missing lung could have.

    Raises:
        ValueError: neither lung was found, or a share is out of [0, 1].
    """
    parts = calibration.extent(right), calibration.extent(left)
    known = [p for p in parts if not math.isnan(p)]
    if not known:
        raise ValueError("expected the share of at least one lung, got none")
    # One lung counts twice where the other is missing: the best guess; the interval below says how
    # little it is worth.
    score = 2.0 * sum(known) / len(known)
    bounds = (score, score) if len(known) == 2 else (known[0], known[0] + LUNG_MAX)
    interval = (
        max(0.0, bounds[0] - calibration.half_width(bounds[0])),
        min(2 * LUNG_MAX, bounds[1] + calibration.half_width(bounds[1])),
    )
    return Severity(
        grade=calibration.grade(score),
        extent_score=score,
        interval=interval,
        extent_right=parts[0],
        extent_left=parts[1],
        grades=calibration.grades(interval),
    )
