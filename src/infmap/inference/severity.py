"""From infected or opaque shares of the lungs to an extent score and a grade.

Extent is the geographic extent of Wong et al. 2020 (Radiology 296:E72): 0 to 4 for each lung,
0 none, 1 below 25 %, 2 to 50 %, 3 to 75 %, 4 above; 0 to 8 in all. Which map the shares are
taken from is the model folder's choice; a calibration belongs to one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.core.types import GRADES, Float32Image, Grade, Severity
from infmap.core.zones import LungZones

Float64 = NDArray[np.float64]
CUTS = (0.5, 2.5, 4.5, 6.5)
LUNG_MAX = 4.0
PRIOR = 0.05
"""Weight of one reading of the definition's own map against one film, per knot."""


@dataclass(frozen=True)
class Calibration:
    """A monotone map from one lung's share to its extent, and what it is worth.

    Without arguments: the definition's own map, centres of its quarters joined by lines, with an
    interval as wide as the score, because nothing was measured.

    Attributes:
        knots: shares of a lung, [0, 1], ascending from 0 to 1.
        extents: extent of one lung at each knot, 0 to 4, never falling; lines in between.
        half_width: half width of the interval on the total score, conformal.
        alpha: share of films that the interval may miss.
        cuts: first total score of mild, moderate, severe, critical.
        map_name: the map whose shares it was fitted on: "infection" or "opacity".
        films: number of films behind it; 0 for the definition's own map.

    Raises:
        ValueError: knots, extents or cuts are not ordered or out of range.
    """

    knots: tuple[float, ...] = (0.0, 0.125, 0.375, 0.625, 0.875, 1.0)
    extents: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 4.0)
    half_width: float = 8.0
    alpha: float = 0.1
    cuts: tuple[float, ...] = CUTS
    map_name: str = "opacity"
    films: int = 0

    def __post_init__(self) -> None:
        k, e = self.knots, self.extents
        if len(k) != len(e) or len(k) < 2 or k[0] != 0.0 or k[-1] != 1.0:
            raise ValueError(f"expected as many extents as knots from 0 to 1, got {k} and {e}")
        if any(b <= a for a, b in zip(k, k[1:], strict=False)):
            raise ValueError(f"expected ascending knots, got {k}")
        if any(b < a for a, b in zip(e, e[1:], strict=False)) or e[0] < 0 or e[-1] > LUNG_MAX:
            raise ValueError(f"expected extents that rise within 0 to 4, got {e}")
        rising = all(b > a for a, b in zip(self.cuts, self.cuts[1:], strict=False))
        if len(self.cuts) != len(GRADES) - 1 or not rising:
            raise ValueError(f"expected four ascending cuts, got {self.cuts}")
        if not (0.0 < self.alpha < 1.0 and self.half_width >= 0.0):
            raise ValueError(f"expected alpha in (0, 1), half_width >= 0, got {self}")

    def extent(self, share: float) -> float:
        """Extent of one lung, 0 to 4, for its share in [0, 1]; NaN for NaN."""
        if not (math.isnan(share) or 0.0 <= share <= 1.0):
            raise ValueError(f"expected a share in [0, 1], got {share!r}")
        return math.nan if math.isnan(share) else float(np.interp(share, self.knots, self.extents))

    def grade(self, score: float) -> Grade:
        """The step that a total score, 0 to 8, falls into."""
        return GRADES[sum(score >= cut for cut in self.cuts)]

    def to_dict(self) -> dict[str, Any]:
        """JSON fields; ``from_dict`` reads them back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibration:
        """Read the fields that ``to_dict`` wrote.

        Raises:
            ValueError: a field is unknown or out of range.
        """
        unknown = set(fields) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"expected fields of a calibration, got also {sorted(unknown)}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        return cls(**values)


def affected_shares(probability: Float32Image, zones: LungZones) -> tuple[float, float]:
    """Affected share of the patient's right and left lung: the mean probability over each.

    The mean, not the share above a threshold: what a network doubts counts in part, as it does for
    a reader, and no threshold need carry over from one hospital to the next.

    Args:
        probability: float32 (H, W) in [0, 1], the map that severity is read from.
        zones: lungs on the same grid.

    Returns:
        (right, left) in [0, 1]; NaN where a lung was not found.
    """
    right, left = (probability[side] for side in (zones.right, zones.left))
    return (
        float(right.mean()) if right.size else math.nan,
        float(left.mean()) if left.size else math.nan,
    )


def grade_severity(right: float, left: float, calibration: Calibration) -> Severity:
    """Extent score, grade and interval of one film.

    Args:
        right: infected or opaque share of the patient's right lung, [0, 1]; NaN where the lung
            was not found.
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
    score = 2.0 * sum(known) / len(known)
    bounds = (score, score) if len(known) == 2 else (known[0], known[0] + LUNG_MAX)
    return Severity(
        grade=calibration.grade(score),
        extent_score=score,
        interval=(
            max(0.0, bounds[0] - calibration.half_width),
            min(2 * LUNG_MAX, bounds[1] + calibration.half_width),
        ),
        extent_right=parts[0],
        extent_left=parts[1],
    )


def fit_calibration(
    fractions: ArrayLike,
    scores: ArrayLike,
    alpha: float = 0.1,
    groups: Sequence[object] | NDArray[Any] | None = None,
    *,
    method: Literal["split", "cross"] = "split",
    map_name: str = "opacity",
    cuts: tuple[float, ...] = CUTS,
    seed: int = 0,
) -> Calibration:
    """Fit the map on total scores, and its interval on patients it has not seen.

    Only totals are read by radiologists, so one map serves both lungs and their sum is fitted:
    non-negative least squares on increments, which keeps it monotone, drawn slightly towards the
    definition's own map so that knots without films stay sensible.

    Args:
        fractions: float (N, 2), shares of the right and the left lung, [0, 1]. Rows with a NaN
            (a lung or a score is unknown) are left out.
        scores: float (N,), geographic extent, 0 to 8.
        alpha: share of films that the interval may miss.
        groups: (N,) patient of every film; every film its own without it.
        method: "split": half of the patients fit the map, the others its residuals (split
            conformal, Lei et al. 2018: coverage holds for exchangeable patients). "cross": five
            folds by patient give the residuals and all films the map (cross-conformal, Vovk
            2015): a better map from few films, coverage approximate.
        map_name: which map the shares are of.
        cuts: first total score of mild, moderate, severe, critical.
        seed: of the draw of patients.

    Raises:
        ValueError: shapes or ranges are wrong, or there are too few films or patients.
    """
    x, y, patient = _rows(fractions, scores, groups)
    fold = _folds(patient, 2 if method == "split" else 5, seed)
    if method == "split":
        fitted = fold == 0
        knots, extents = _monotone(x[fitted], y[fitted])
        residuals = np.abs(_totals(x[~fitted], knots, extents) - y[~fitted])
    else:
        knots, extents = _monotone(x, y)
        residuals = np.empty(len(y))
        for held in range(int(fold.max()) + 1):
            out = fold == held
            residuals[out] = np.abs(_totals(x[out], *_monotone(x[~out], y[~out])) - y[out])
    return Calibration(
        knots=tuple(float(k) for k in knots),
        extents=tuple(float(e) for e in extents),
        half_width=conformal_quantile(residuals, alpha),
        alpha=alpha,
        cuts=cuts,
        map_name=map_name,
        films=len(y),
    )


def conformal_quantile(residuals: ArrayLike, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest residual; 8 where n is too small for that."""
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"expected alpha in (0, 1), got {alpha!r}")
    r = np.sort(np.asarray(residuals, np.float64))
    rank = math.ceil((r.size + 1) * (1 - alpha) - 1e-9)
    return float(r[rank - 1]) if rank <= r.size else 2 * LUNG_MAX


def _rows(
    fractions: ArrayLike, scores: ArrayLike, groups: Sequence[object] | NDArray[Any] | None
) -> tuple[Float64, Float64, NDArray[np.int64]]:
    x, y = np.asarray(fractions, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"expected (N, 2) fractions and (N,) scores, got {x.shape}, {y.shape}")
    names = np.arange(len(y)) if groups is None else np.asarray(groups)
    if names.shape != y.shape:
        raise ValueError(f"expected {len(y)} groups, got {names.shape}")
    known = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y = x[known], y[known]
    _, patient = np.unique(names[known], return_inverse=True)
    if len(y) < 8 or patient.max() < 4:
        raise ValueError(f"expected 8 films of 5 patients or more, got {len(y)} films")
    if x.min() < 0 or x.max() > 1 or y.min() < 0 or y.max() > 2 * LUNG_MAX:
        raise ValueError("expected fractions in [0, 1] and scores in [0, 8]")
    return x, y, patient.reshape(-1).astype(np.int64)


def _folds(patient: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    patients = int(patient.max()) + 1
    place = np.random.default_rng(seed).permutation(patients) % count
    return np.asarray(place[patient], dtype=np.int64)


def _totals(x: Float64, knots: Float64, extents: Float64) -> Float64:
    return np.asarray(np.interp(x, knots, extents).sum(axis=1), dtype=np.float64)


def _monotone(x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Knots and extents that fit sums over both lungs best: from 0, never falling, at most 4."""
    from scipy.optimize import nnls  # type: ignore[import-untyped, unused-ignore]

    spread = np.quantile(x, np.linspace(0.2, 0.8, 4))
    knots = np.unique(np.concatenate([[0.0, 1.0], spread[(spread > 0.01) & (spread < 0.99)]]))
    knots = knots[np.append(np.diff(knots) > 0.005, True)]
    knots[0] = 0.0
    steps = np.clip((x[:, :, None] - knots[:-1]) / np.diff(knots), 0.0, 1.0).sum(axis=1)
    plain = Calibration()
    target = np.interp(knots[1:], plain.knots, plain.extents)
    # Rows of the prior read the map at each knot: all increments up to it.
    prior = np.tril(np.ones((len(knots) - 1, len(knots) - 1)))
    weight = math.sqrt(PRIOR * len(y))
    solution, _ = nnls(np.vstack([steps, weight * prior]), np.concatenate([y, weight * target]))
    return knots, np.minimum(np.concatenate([[0.0], np.cumsum(solution)]), LUNG_MAX)
