"""Where on the film a probe finds what it tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pattern:
    """Where a view carries the label: correlation of each pixel with the probe's score.

    The forward pattern of a linear probe (Haufe et al. 2014, doi 10.1016/j.neuroimage.2013.10.067);
    its raw weights also show what cancels noise, and mislead.

    Attributes:
        view: the view.
        among: the films.
        correlation: float32 (128, 128), [-1, 1]; positive: brighter in COVID-19; NaN where more
            than half of the films are blanked.
        means: class to the average film, float32 (128, 128), [0, 1].
        films: class to number of films in the average.
    """

    view: str
    among: str
    correlation: NDArray[np.float32]
    means: dict[str, NDArray[np.float32]]
    films: dict[str, int]


def pattern(
    view: str,
    among: str,
    pictures: NDArray[np.uint8],
    truth: NDArray[np.str_],
    score: NDArray[np.float64],
    seen: NDArray[np.float32],
) -> Pattern:
    """Correlation of pixels with the log-odds, and the average film of each class.

    Args:
        view: the view.
        among: what the films are called.
        pictures: uint8 (n, 128, 128), what the probe was shown.
        truth: str (n,), class of every film.
        score: float64 (n,), probability of COVID-19 by a probe that did not learn from the film.
        seen: float32 (128, 128), share of the films that show a pixel.
    """
    # Log-odds of 0 and 1 are infinite; one film must not decide a correlation.
    odds = np.clip(score, 1e-6, 1 - 1e-6)
    odds = np.log(odds / (1 - odds))
    odds = (odds - odds.mean()) / max(float(odds.std()), 1e-9)
    shape, n = pictures.shape[1:], len(pictures)
    cross, total, square = (np.zeros(shape) for _ in range(3))
    for picture, weight in zip(pictures, odds):
        value = picture / 255.0
        cross += weight * value
        total += value
        square += value * value
    spread = np.sqrt(np.maximum(square / n - (total / n) ** 2, 0))
    correlation = np.divide(cross / n, spread, out=np.zeros(shape), where=spread > 1e-3)
    # Pixels blanked in most films correlate by the few that show them.
    correlation[seen < 0.5] = np.nan
    means, films = {}, {}
    for name in np.unique(truth).tolist():
        own = truth == name
        means[name] = (pictures[own].mean(axis=0, dtype=np.float64) / 255).astype(np.float32)
        films[name] = int(own.sum())
    return Pattern(view, among, correlation.astype(np.float32), means, films)
