"""Choose and measure operating points on films with known labels, each source counting the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.inference.operating import (
    PREVALENCES,
    OperatingPoint,
    OperatingPoints,
    Rate,
    SourceRates,
    predictive_values,
)
from infmap.metrics import rate

SENSITIVITY = 0.95
"""Aim of ruling out: one film of COVID-19 in twenty lies below. Less is no rule-out; more would
rest on a handful of films of each source."""
SPECIFICITY = 0.99
"""Aim of ruling in: one false alarm in a hundred, as for what is detected."""
FEWEST = 10
"""Patients of a class below which a source has no say on that class: it would count as much as one
with hundreds."""

TICK = 1e-6
"""Step of thresholds: finer than is needed to distinguish two films."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Films with a known label.

    Attributes:
        probability: float64 (N,), of COVID-19, [0, 1].
        covid19: bool (N,).
        sources: (N,), names.
        groups: (N,), patient, or near-duplicate group, of each film.

    Raises:
        ValueError: lengths differ, or a probability is out of range.
    """

    probability: NDArray[np.float64]
    covid19: NDArray[np.bool_]
    sources: Sequence[str]
    groups: Sequence[str]

    def __post_init__(self) -> None:
        lengths = {len(x) for x in (self.probability, self.covid19, self.sources, self.groups)}
        if len(lengths) != 1:
            raise ValueError(f"expected one length, got {sorted(lengths)}")
        p = self.probability
        if len(p) and not (p.min() >= 0.0 and p.max() <= 1.0):
            raise ValueError(f"expected probabilities in [0, 1], got {p.min():g} to {p.max():g}")

    def of(self, source: str, covid19: bool) -> tuple[NDArray[np.float64], list[str]]:
        """Probabilities and groups of one class of a source."""
        keep = self.covid19 == covid19
        keep &= np.array([name == source for name in self.sources], np.bool_)
        return self.probability[keep], [g for g, k in zip(self.groups, keep, strict=True) if k]


def fit_operating_points(
    films: Labelled,
    population: str,
    *,
    sensitivity: float = SENSITIVITY,
    specificity: float = SPECIFICITY,
) -> OperatingPoints | None:
    """Both points, and what they are worth.

    Ruling out: the highest threshold whose sensitivity, mean over sources, reaches the aim. Ruling
    in: the lowest whose mean specificity does. A threshold of ruling out above that of ruling in
    (both classes lie apart) is brought down to it. The figures are those of the films that the
    points were chosen on.

    Args:
        films: that the network was not trained on.
        population: the films in words.
        sensitivity: aim of ruling out.
        specificity: aim of ruling in.

    Returns:
        None where no source has enough films of a class, see ``FEWEST``.
    """
    sources = sorted(set(films.sources))
    sick = [films.of(s, True)[0] for s in sources if _enough(films.of(s, True)[1])]
    well = [films.of(s, False)[0] for s in sources if _enough(films.of(s, False)[1])]
    if not sick or not well:
        return None
    into = specific_threshold(well, specificity)
    out = min(sensitive_threshold(sick, sensitivity), into)
    return OperatingPoints(
        rule_out=_measured(films, sources, out, f"sensitivity of at least {sensitivity:g}"),
        rule_in=_measured(films, sources, into, f"specificity of at least {specificity:g}"),
        population=population,
    )


def sensitive_threshold(parts: Sequence[NDArray[np.float64]], aim: float) -> float:
    """The highest threshold at or above which lies a share ``aim`` of films, mean over sources.

    Args:
        parts: probabilities of films of COVID-19, one array a source, none empty.
        aim: (0, 1).
    """
    values, share = _accumulated([-part for part in parts])
    edge = -float(values[int(np.argmax(share >= aim - 1e-9))])
    return _inside(math.floor(edge / TICK) * TICK)


def specific_threshold(parts: Sequence[NDArray[np.float64]], aim: float) -> float:
    """The lowest threshold below which lies a share ``aim`` of films, mean over sources.

    Args:
        parts: probabilities of films without COVID-19, one array a source, none empty.
        aim: (0, 1).
    """
    values, share = _accumulated(parts)
    edge = float(values[int(np.argmax(share >= aim - 1e-9))])
    return _inside((math.floor(edge / TICK) + 1) * TICK)


def mean_rate(rates: Sequence[Rate]) -> Rate:
    """Mean of independent rates, each counting the same, with an interval from theirs.

    Method of variance estimates recovery (Zou and Donner 2008, Stat Med 27:1693): distances of each
    end from its rate are added as independent errors are. It speaks of other films of these
    sources, not of other sources.
    """
    count = len(rates)
    value = sum(r.value for r in rates) / count
    down = math.sqrt(sum((r.value - r.low) ** 2 for r in rates)) / count
    up = math.sqrt(sum((r.high - r.value) ** 2 for r in rates)) / count
    films = sum(r.films for r in rates)
    return Rate(_four(value), _four(max(0.0, value - down)), _four(min(1.0, value + up)), films)


def film_rate(hits: NDArray[np.bool_], groups: Sequence[str]) -> Rate:
    """A share of films with its interval by patient; [0, 1] where they are of one patient."""
    found = rate(hits, np.asarray(groups))
    low, high = (0.0, 1.0) if math.isnan(found.low) else (found.low, found.high)
    return Rate(_four(found.value), _four(low), _four(high), found.n)


def _measured(
    films: Labelled, sources: Sequence[str], threshold: float, aim: str
) -> OperatingPoint:
    of_sources = []
    for source in sources:
        found = {}
        for name, covid19 in (("sensitivity", True), ("specificity", False)):
            probability, groups = films.of(source, covid19)
            if _enough(groups):
                found[name] = film_rate((probability >= threshold) == covid19, groups)
        of_sources.append(SourceRates(source, **found))
    sensitivity = mean_rate([s.sensitivity for s in of_sources if s.sensitivity])
    specificity = mean_rate([s.specificity for s in of_sources if s.specificity])
    values = tuple(predictive_values(p, sensitivity, specificity) for p in PREVALENCES)
    return OperatingPoint(threshold, aim, sensitivity, specificity, values, tuple(of_sources))


def _enough(groups: Sequence[str]) -> bool:
    return len(set(groups)) >= FEWEST


def _accumulated(
    parts: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of all parts, ascending, and the share of films up to each, every part weighing 1."""
    values = np.concatenate(parts)
    weights = np.concatenate([np.full(len(p), 1.0 / len(p) / len(parts)) for p in parts])
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(weights[order])


def _inside(threshold: float) -> float:
    """A threshold in (0, 1)."""
    return round(min(max(threshold, TICK), 1.0 - TICK), 6)


def _four(value: float) -> float:
    return round(value, 4)
