"""How well maps show where the infection is, and by how much one kind beats another.

For infection maps and activation maps alike: any float map in [0, 1] of the truth's shape. All
intervals are percentiles of the cluster bootstrap by patient, 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from infmap.metrics import Bootstrap, Confusion, bootstrap_ratio_interval, confusion
from infmap.metrics._arrays import Numbers

THRESHOLDS = (np.arange(1, 100) / 100.0).astype(np.float32)
"""Candidates of ``best_threshold``: 0.01 to 0.99."""
TOLERANCE = 15.0
"""Pixels that the pointing game forgives, as in Zhang et al. 2018."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the films.

    Attributes:
        infection: bool (N, H, W), infected pixels; empty on films without COVID-19.
        patients: (N,), patient of each film; the film itself where patients are unknown.
        lungs: bool (N, H, W), or None where they are unknown.

    Raises:
        ValueError: the shapes do not fit, or a mask is not bool.
    """

    infection: NDArray[np.bool_]
    patients: NDArray[np.generic]
    lungs: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = self.infection.shape
        if len(shape) != 3 or self.infection.dtype != np.bool_ or not shape[0]:
            raise ValueError(f"expected bool (N, H, W), got {self.infection.dtype} {shape}")
        if self.patients.shape != shape[:1]:
            raise ValueError(f"expected {shape[0]} patients, got {self.patients.shape}")
        if self.lungs is not None and (self.lungs.shape != shape or self.lungs.dtype != np.bool_):
            raise ValueError(
                f"expected bool lungs {shape}, got {self.lungs.dtype} {self.lungs.shape}"
            )

    def __len__(self) -> int:
        return len(self.infection)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Films with infection, bool (N,)."""
        return np.asarray(self.infection.any(axis=(1, 2)))


@dataclass(frozen=True, eq=False)
class MapSet:
    """Maps of one kind, a film each.

    Attributes:
        name: of the kind, such as "infection" or "gradcam".
        values: float32 (N, H, W), [0, 1].

    Raises:
        ValueError: another type or shape, or a value outside [0, 1].
    """

    name: str
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        v = self.values
        if v.ndim != 3 or v.dtype != np.float32 or not v.size:
            raise ValueError(f"expected float32 (N, H, W) maps, got {v.dtype} {v.shape}")
        if not (v.min() >= 0.0 and v.max() <= 1.0):
            raise ValueError(f"expected maps in [0, 1], got [{v.min():g}, {v.max():g}]")


class FigureRecord(TypedDict):
    """The JSON form of a ``Figure``; None for NaN."""

    value: float | None
    low: float | None
    high: float | None
    films: int


class LocalizationRecord(TypedDict):
    """The JSON form of a ``Localization``."""

    name: str
    threshold: float
    threshold_from: str
    films: int
    films_with_infection: int
    pooled: dict[str, FigureRecord]
    with_infection: dict[str, FigureRecord]
    every_film: dict[str, FigureRecord]
    energy_in_infection: FigureRecord
    energy_in_lungs: FigureRecord | None
    pointing: FigureRecord
    tolerance: float


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval.

    Attributes:
        value: the figure; NaN where no film contributes.
        low: lower end; NaN where there is no interval, as with one patient.
        high: upper end; NaN as ``low``.
        films: that the figure stands on.
    """

    value: float
    low: float
    high: float
    films: int

    def to_dict(self) -> FigureRecord:
        """JSON fields."""
        value, low, high = (None if math.isnan(v) else v for v in (self.value, self.low, self.high))
        return {"value": value, "low": low, "high": high, "films": self.films}


@dataclass(frozen=True)
class Ratios:
    """Agreement of a thresholded map with the truth.

    Attributes:
        f1: 2 tp / (2 tp + fp + fn), the same as Dice.
        iou: tp / (tp + fp + fn).
        sensitivity: tp / (tp + fn).
        precision: tp / (tp + fp).
    """

    f1: Figure
    iou: Figure
    sensitivity: Figure
    precision: Figure

    def to_dict(self) -> dict[str, FigureRecord]:
        """JSON fields."""
        return {
            "f1": self.f1.to_dict(),
            "iou": self.iou.to_dict(),
            "sensitivity": self.sensitivity.to_dict(),
            "precision": self.precision.to_dict(),
        }


@dataclass(frozen=True)
class Localization:
    """How well one kind of map localizes infection.

    Attributes:
        name: of the kind of map.
        threshold: a pixel is found at or above it.
        threshold_from: the films that it was chosen on, in words.
        films: number of films.
        films_with_infection: number of those whose truth is not empty.
        pooled: over the pixels of all films; those without infection add false positives.
        with_infection: mean per film over films with infection.
        every_film: mean per film over all films: F1 and IoU are 1 where truth and result are
            both empty and 0 where one is; a ratio without a denominator leaves its film out.
        energy_in_infection: mean share of the map's sum that lies in the truth (Wang et al. 2020),
            over films with infection; a blank map has none there: 0.
        energy_in_lungs: mean share of the map's sum that lies in the lungs, over films with lungs
            whose map is not blank; None where the lungs are unknown.
        pointing: share of the films with infection whose strongest pixel lies at most
            ``tolerance`` pixels from the truth (Zhang et al. 2018). Pixels equally strong count
            in proportion, so a blank map scores what a blind guess does.
        tolerance: of ``pointing``, pixels.
        counts: pixel counts of each film.
    """

    name: str
    threshold: float
    threshold_from: str
    films: int
    films_with_infection: int
    pooled: Ratios
    with_infection: Ratios
    every_film: Ratios
    energy_in_infection: Figure
    energy_in_lungs: Figure | None
    pointing: Figure
    tolerance: float
    counts: Confusion = field(repr=False, compare=False)

    def to_dict(self) -> LocalizationRecord:
        """JSON fields: every figure as value, low, high and films, null for NaN; no counts."""
        lungs = self.energy_in_lungs
        return {
            "name": self.name,
            "threshold": self.threshold,
            "threshold_from": self.threshold_from,
            "films": self.films,
            "films_with_infection": self.films_with_infection,
            "pooled": self.pooled.to_dict(),
            "with_infection": self.with_infection.to_dict(),
            "every_film": self.every_film.to_dict(),
            "energy_in_infection": self.energy_in_infection.to_dict(),
            "energy_in_lungs": None if lungs is None else lungs.to_dict(),
            "pointing": self.pointing.to_dict(),
            "tolerance": self.tolerance,
        }


def best_threshold(maps: MapSet, truth: Truth) -> float:
    """The candidate of ``THRESHOLDS`` with the best F1 pooled over all films.

    Choose it on other films than those scored, or say that it was chosen on the same: then the
    figures are the best that the map could reach.

    Returns:
        The threshold; of equally good ones the lowest.

    Raises:
        ValueError: maps and truth differ in shape, or no film has infection.
    """
    _check_alike(maps, truth)
    if not truth.positive.any():
        raise ValueError("expected a film with infection to choose a threshold on, got none")
    inside = np.zeros(len(THRESHOLDS) + 1, np.int64)
    outside = np.zeros_like(inside)
    for values, mask in zip(maps.values, truth.infection, strict=True):
        reached = np.searchsorted(THRESHOLDS, values, side="right")
        inside += np.bincount(reached[mask], minlength=len(inside))
        outside += np.bincount(reached[~mask], minlength=len(inside))
    # A pixel that reaches k candidates is found at each of the first k.
    tp = inside[::-1].cumsum()[::-1][1:]
    fp = outside[::-1].cumsum()[::-1][1:]
    f1 = 2.0 * tp / (tp + fp + inside.sum())
    return float(THRESHOLDS[int(np.argmax(f1))])


def localize(
    maps: MapSet,
    truth: Truth,
    threshold: float,
    *,
    threshold_from: str,
    tolerance: float = TOLERANCE,
    draws: int = 1000,
    seed: int = 0,
) -> Localization:
    """Score maps against the truth.

    Args:
        maps: float32 (N, H, W).
        truth: of the same films.
        threshold: a pixel is found at or above it.
        threshold_from: the films that it was chosen on, such as "Val" or "the same films".
        tolerance: pixels that the pointing game forgives.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: maps and truth differ in shape, or the tolerance is negative.
    """
    _check_alike(maps, truth)
    if tolerance < 0.0:
        raise ValueError(f"expected a tolerance of 0 or more pixels, got {tolerance:g}")
    counts = confusion(truth.infection, maps.values >= np.float32(threshold))
    means = _Means(Bootstrap(truth.patients, draws, seed))
    positive = truth.positive
    per_film = (counts.dice(), counts.iou(), counts.sensitivity(), counts.precision())
    energy = film_energy(maps.values, truth.infection)
    lungs = None if truth.lungs is None else film_energy(maps.values, truth.lungs, math.nan)
    return Localization(
        name=maps.name,
        threshold=float(threshold),
        threshold_from=threshold_from,
        films=len(truth),
        films_with_infection=int(positive.sum()),
        pooled=_pooled(counts, means),
        with_infection=Ratios(*(means(np.where(positive, v, math.nan)) for v in per_film)),
        every_film=Ratios(*(means(v) for v in per_film)),
        energy_in_infection=means(energy),
        energy_in_lungs=None if lungs is None else means(lungs),
        pointing=means(film_pointing(maps.values, truth.infection, tolerance)),
        tolerance=float(tolerance),
        counts=counts,
    )


@dataclass(frozen=True, eq=False)
class _Means:
    """Ratios of sums over films, with intervals by patient."""

    bootstrap: Bootstrap

    def __call__(self, values: Float64) -> Figure:
        """Mean of what is not NaN."""
        known = ~np.isnan(values)
        return self.ratio(np.where(known, values, 0.0), known.astype(float), int(known.sum()))

    def ratio(self, top: Numbers, bottom: Numbers, films: int) -> Figure:
        """Sum of ``top`` over sum of ``bottom``."""
        total = float(bottom.sum())
        if not total:
            return Figure(math.nan, math.nan, math.nan, films)
        low, high = bootstrap_ratio_interval(top, bottom, self.bootstrap)
        return Figure(float(top.sum()) / total, low, high, films)


def _check_alike(maps: MapSet, truth: Truth) -> None:
    if maps.values.shape != truth.infection.shape:
        raise ValueError(
            f"expected maps of the truth's shape {truth.infection.shape}, got {maps.values.shape}"
        )


def _pooled(counts: Confusion, means: _Means) -> Ratios:
    n = len(counts)
    tp, fp, fn = counts.tp, counts.fp, counts.fn
    return Ratios(
        f1=means.ratio(*_f1_parts(counts), n),
        iou=means.ratio(tp, tp + fp + fn, n),
        sensitivity=means.ratio(tp, tp + fn, n),
        precision=means.ratio(tp, tp + fp, n),
    )


def _f1_parts(counts: Confusion) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numerator and denominator of F1, one entry a film."""
    return 2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn


def film_energy(maps: NDArray[np.float32], masks: NDArray[np.bool_], blank: float = 0.0) -> Float64:
    """Share of each map's sum that lies in its mask (Wang et al. 2020).

    Args:
        maps: float32 (N, H, W), [0, 1].
        masks: bool (N, H, W).
        blank: what a map of zeros has.

    Returns:
        float64 (N,), [0, 1]; NaN where the mask is empty.
    """
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    inside = (maps * masks).sum(axis=(1, 2), dtype=np.float64)
    shares = np.divide(inside, total, out=np.full(len(total), blank), where=total > 0)
    asked: Float64 = np.where(masks.any(axis=(1, 2)), shares, math.nan)
    return asked


def film_pointing(
    maps: NDArray[np.float32], masks: NDArray[np.bool_], tolerance: float = TOLERANCE
) -> Float64:
    """Share of each map's strongest pixels at most ``tolerance`` from its mask (Zhang et al. 2018).

    Args:
        maps: float32 (N, H, W), [0, 1].
        masks: bool (N, H, W).
        tolerance: pixels, Euclidean.

    Returns:
        float64 (N,), [0, 1]; NaN where the mask is empty.
    """
    hits = np.full(len(maps), math.nan)
    for film in np.flatnonzero(masks.any(axis=(1, 2))):
        near = _dilated(masks[film], tolerance)
        strongest = maps[film] == maps[film].max()
        hits[film] = near[strongest].mean()
    return hits


def _dilated(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Pixels at most ``radius`` (Euclidean, pixel centres) from a mask (H, W)."""
    height, width = mask.shape
    # Running sums along rows: whether any pixel of a span is set takes two look-ups.
    before = np.zeros((height, width + 1), np.int64)
    np.cumsum(mask, axis=1, out=before[:, 1:])
    columns, near = np.arange(width), np.zeros_like(mask)
    for down in range(-min(int(radius), height - 1), min(int(radius), height - 1) + 1):
        reach = int(math.sqrt(radius * radius - down * down))
        last, first = np.minimum(columns + reach + 1, width), np.maximum(columns - reach, 0)
        run = before[:, last] > before[:, first]
        near[max(0, down) : height + min(0, down)] |= run[max(0, -down) : height - max(0, down)]
    return near
