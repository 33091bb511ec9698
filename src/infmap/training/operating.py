"""The points that rule COVID-19 out and in, fitted on outputs of networks that saw no such film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.inference.operating import OperatingPoint, OperatingPoints
from infmap.inference.operating_fit import Labelled, fit_operating_points

if TYPE_CHECKING:
    from infmap.training.calibration import Outputs

MOST_FILMS = 1000
"""Films of a source beyond which more would move its share little of an operating point."""


def labelled_films(rows: Sequence[Film], seed: int = 0) -> set[str]:
    """Films known to be of COVID-19 or not, at most ``MOST_FILMS`` a source: their film_id."""
    known = [row for row in rows if row["covid19"] is not None]
    chosen: set[str] = set()
    for source in sorted({row["source"] for row in known}):
        films = sorted(row["film_id"] for row in known if row["source"] == source)
        order = np.random.default_rng(seed).permutation(len(films))[:MOST_FILMS]
        chosen.update(films[i] for i in order)
    return chosen


def operating_points(
    outputs: Outputs, thresholds: Thresholds, detection: PlattScaling, where: str
) -> OperatingPoints | None:
    """Fit both points on films with a known label; None where there are too few.

    Args:
        outputs: of films that the network reading them was not trained on.
        thresholds: operating points of pixels.
        detection: of the film's probability.
        where: the films in words.
    """
    known = outputs.films.covid19 >= 0
    if not known.any():
        return None
    part = outputs.part(known)
    rows = part.films.rows
    probability = np.array([f.probability for f in part.findings(thresholds, detection)])
    films = Labelled(
        probability,
        part.films.covid19 == 1,
        [row["source"] for row in rows],
        [str(group) for group in film_groups(rows)],
    )
    return fit_operating_points(films, where)


def operating_lines(points: OperatingPoints | None) -> list[str]:
    """What the model card says of both points: a line each, then a line a source."""
    if points is None:
        return []
    named = (("Rule-out", points.rule_out), ("Rule-in", points.rule_in))
    lines = [line for name, point in named for line in _point_lines(name, point)]
    return [*lines, f"- Both were chosen and measured on {points.population}."]


def _point_lines(name: str, point: OperatingPoint) -> list[str]:
    worth = "; ".join(
        f"at a prevalence of {v.prevalence:.0%} positive {v.positive[0]:.2f}, negative "
        f"{v.negative[0]:.3f}"
        for v in point.predictive
    )
    of_sources = "; ".join(
        f"{s.source}: "
        + ", ".join(
            f"{kind} {rate}"
            for kind, rate in (("sensitivity", s.sensitivity), ("specificity", s.specificity))
            if rate
        )
        for s in point.sources
        if s.sensitivity or s.specificity
    )
    return [
        f"- {name} point {point.threshold:.4g} ({point.aim}): sensitivity {point.sensitivity}, "
        f"specificity {point.specificity}, mean of sources; predictive values {worth}.",
        f"  By source: {of_sources}.",
    ]
