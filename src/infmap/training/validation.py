"""A quick look at a network during training; the full tables come from ``benchmarks/``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.inference.postprocess import class_log_odds, map_amount
from infmap.training.dataset import INFECTION, LUNGS, Films
from infmap.training.log import Record

THRESHOLDS = np.arange(0.15, 0.80, 0.05)
SMALL = 0.01
"""Share of the lungs, [0, 1], up to which infection on a film without any is let pass: some 4 cm2
of an adult's lungs on a frontal film, at the edge of what a reader would call an opacity."""


@dataclass(frozen=True)
class Score:
    """Figures on films with known infection.

    Attributes:
        threshold: the one scored at: that given, else the one with the best pooled F1.
        pooled_f1: over all pixels of all films, controls included.
        dice_positive: mean Dice of the films with infection.
        dice_all: mean Dice per film; 1 where truth and result are both empty, 0 where one is.
        dice_lungs: mean Dice of the lungs at 0.5.
        auroc: films of COVID-19 against those known not to be.
        sensitivity_99: sensitivity at specificity 0.99.
        empty_called: share of the films known to be without infection that are read as infected on
            more than 1 % of the lungs, see ``SMALL``.

    A figure that no film speaks of is NaN.
    """

    threshold: float
    pooled_f1: float
    dice_positive: float
    dice_all: float
    dice_lungs: float
    auroc: float
    sensitivity_99: float
    empty_called: float

    def to_dict(self) -> Record:
        """The fields of a record, rounded; None for NaN."""
        return {
            "threshold": _rounded(self.threshold),
            "pooled_f1": _rounded(self.pooled_f1),
            "dice_positive": _rounded(self.dice_positive),
            "dice_all": _rounded(self.dice_all),
            "dice_lungs": _rounded(self.dice_lungs),
            "auroc": _rounded(self.auroc),
            "sensitivity_99": _rounded(self.sensitivity_99),
            "empty_called": _rounded(self.empty_called),
        }


def score_films(
    maps: NDArray[np.uint8],
    confidence: NDArray[np.floating],
    films: Films,
    threshold: float | None = None,
) -> Score:
    """Score maps against the films' truth.

    Args:
        maps: uint8 (N, 3, S, S), 0..255 = probability of infection, opacity, lungs.
        confidence: (N,), higher is more probably COVID-19.
        films: with their truth.
        threshold: of infection; None for the best of ``THRESHOLDS``.
    """
    thresholds = THRESHOLDS if threshold is None else np.array([threshold])
    rows = np.flatnonzero(films.dense[:, 0])
    counts = np.zeros((len(rows), len(thresholds), 2))
    truth = np.zeros(len(rows))
    for place, film in enumerate(rows):
        mask = (films.masks[film] & INFECTION) > 0
        truth[place] = mask.sum()
        for column, threshold in enumerate(thresholds):
            found = maps[film, 0] >= threshold * 255.0
            counts[place, column] = found.sum(), (found & mask).sum()
    found, both = counts[..., 0], counts[..., 1]
    pooled = 2.0 * both.sum(axis=0) / np.maximum(found.sum(axis=0) + truth.sum(), 1.0)
    best = int(np.argmax(pooled))
    total = found[:, best] + truth
    dice = np.where(total > 0, 2.0 * both[:, best] / np.maximum(total, 1.0), 1.0)
    sure = films.covid19 >= 0
    return Score(
        float(thresholds[best]),
        float(pooled[best]) if len(rows) else math.nan,
        _mean(dice[truth > 0]),
        _mean(dice),
        _lung_dice(maps, films),
        *_detection(confidence[sure], films.covid19[sure] == 1),
        _mean(_infected_share(maps[rows[truth == 0]], float(thresholds[best])) > SMALL),
    )


def _infected_share(maps: NDArray[np.uint8], threshold: float) -> NDArray[np.float64]:
    """Share of the lungs that is read as infected, [0, 1], of each film; 0 without lungs."""
    # 128 of 255: lung from a probability of one half on, as on the maps that users get.
    lungs = maps[:, 2] >= 128
    infected = lungs & (maps[:, 0] >= threshold * 255.0)
    return np.asarray(infected.sum(axis=(1, 2)) / np.maximum(lungs.sum(axis=(1, 2)), 1))


def film_confidence(maps: NDArray[np.uint8], logits: NDArray[np.float32]) -> NDArray[np.floating]:
    """How sure a network is of COVID-19 on each film, (N,), before calibration.

    Amount of infection in the lungs, which detection is read from; the class's log-odds of a
    network whose maps are 0 throughout.

    Args:
        maps: uint8 (N, 3, S, S), 0..255 = probability of infection, opacity, lungs.
        logits: float32 (N, 3), classes.
    """
    amounts = np.array([map_amount(film[0][film[2] >= 128]) for film in maps])
    return amounts if amounts.any() else class_log_odds(logits)


def _lung_dice(maps: NDArray[np.uint8], films: Films) -> float:
    values = []
    for film in np.flatnonzero(films.dense[:, 2]):
        mask, found = (films.masks[film] & LUNGS) > 0, maps[film, 2] >= 128
        total = int(mask.sum() + found.sum())
        values.append(2.0 * (mask & found).sum() / total if total else 1.0)
    return _mean(np.array(values))


def _detection(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[float, float]:
    yes, no = score[positive].astype(float), np.sort(score[~positive].astype(float))
    if not len(yes) or not len(no):
        return float("nan"), float("nan")
    above = np.searchsorted(no, yes, side="left") + np.searchsorted(no, yes, side="right")
    cut = no[min(len(no) - 1, int(np.ceil(0.99 * len(no))) - 1)]
    return float(above.mean() / 2.0 / len(no)), float((yes > cut).mean())


def _rounded(value: float) -> float | None:
    # Four digits: beyond what the films of a validation set can tell apart.
    return round(float(value), 4) if math.isfinite(value) else None


def _mean(values: NDArray[np.floating] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
