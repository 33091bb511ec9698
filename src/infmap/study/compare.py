"""Two runs on the films that both scored: differences with intervals, and a plain sentence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.core.errors import UsageError
from infmap.core.files import finite
from infmap.metrics import Difference, McNemar
from infmap.study.films import FilmTable
from infmap.study.splits import HELD_OUT
from infmap.study.study import FILMS, read_csv
from infmap.study.tables import paired

# The usual level, for one comparison: whoever compares many runs has to correct for it.
LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """First run minus second, on the held-out films of both.

    Attributes:
        first: name of the first run.
        second: name of the second.
        films: films that both scored.
        patients: groups that the bootstrap draws.
        differences: figure to its difference: "infection_f1" (pooled), "infection_dice_film",
            "infection_dice_positive", "detection_auroc"; a figure that a run lacks is left out.
        detection: McNemar's test of the film's decision; None where films have no class.
        verdict: one sentence.
    """

    first: str
    second: str
    films: int
    patients: int
    differences: dict[str, Difference]
    detection: McNemar | None
    verdict: str

    def to_dict(self) -> dict[str, object]:
        """JSON fields; null for what is not finite."""
        values: dict[str, object] = finite(asdict(self))
        return values


def compare_runs(first: Path, second: Path, draws: int = 1000) -> Comparison:
    """Compare two run folders.

    Args:
        first: folder of a run, holding films.csv.
        second: another.
        draws: of the paired bootstrap by patient.

    Raises:
        UsageError: a folder has no films.csv, the two share no held-out film, or they do not have
            the same truth.
    """
    tables = [FilmTable.of(read_csv(folder / FILMS)).part(HELD_OUT) for folder in (first, second)]
    names = (first.resolve().name, second.resolve().name)
    return compare_films(names, tables[0], tables[1], draws)


def compare_films(
    names: tuple[str, str], first: FilmTable, second: FilmTable, draws: int = 1000
) -> Comparison:
    """Compare the scored films of two runs.

    Args:
        names: of the runs.
        first: films of the one.
        second: of the other.
        draws: of the paired bootstrap by patient.

    Raises:
        UsageError: the two share no film, or they do not have the same truth.
    """
    a, b = paired(first, second)
    if not len(a):
        raise UsageError(f"{names[0]} and {names[1]}: no film was held out by both")
    differences: dict[str, Difference] = {}
    both = ~metrics_missing(a, b, "tp")
    x, y = a.where(both), b.where(both)
    if len(x):
        try:
            gaps = metrics.compare_segmentation(
                x.counts, y.counts, metrics.Bootstrap(x.text["group"], draws)
            )
        except ValueError as error:
            raise UsageError(
                f"{names[0]} and {names[1]}: {error}; were both scored at one size?"
            ) from error
        for name in ("f1", "dice_film", "dice_positive"):
            differences[f"infection_{name}"] = gaps[name]
    detection = None
    both = ~metrics_missing(a, b, "covid_probability") & (a.text["class"] != "")
    x, y = a.where(both), b.where(both)
    if len(x):
        scores = (x.values["covid_probability"], y.values["covid_probability"])
        differences["detection_auroc"] = metrics.auroc_difference(
            x.covid, *scores, metrics.Bootstrap(x.text["group"], draws)
        )
        right = [(t.values["covid_detected"] > 0) == t.covid for t in (x, y)]
        detection = metrics.mcnemar(right[0], right[1], x.text["group"])
    patients = len(set(a.text["group"].tolist()))
    return Comparison(
        *names, len(a), patients, differences, detection, _verdict(*names, differences, detection)
    )


def metrics_missing(a: FilmTable, b: FilmTable, name: str) -> NDArray[np.bool_]:
    """Films of which either run lacks a figure, bool (N,)."""
    return np.isnan(a.values[name]) | np.isnan(b.values[name])


def _verdict(
    first: str, second: str, differences: dict[str, Difference], detection: McNemar | None
) -> str:
    parts = []
    gap = differences.get("infection_f1")
    if gap is not None:
        parts.append(_sentence(first, second, "localizes infection", "pooled F1", gap))
    elif not differences:
        parts.append("The runs share no figure.")
    if detection is not None:
        better = first if detection.only_first > detection.only_second else second
        if detection.p < LEVEL:
            parts.append(
                f"{better} detects COVID-19 better: of the films that only one run got right, it "
                f"has {max(detection.only_first, detection.only_second)}, the other "
                f"{min(detection.only_first, detection.only_second)} (p {_p(detection.p)})."
            )
        else:
            parts.append(
                f"Detection does not differ demonstrably ({detection.only_first} films right only "
                f"by the first, {detection.only_second} only by the second, p {_p(detection.p)})."
            )
    return " ".join(parts)


def _sentence(first: str, second: str, what: str, name: str, gap: Difference) -> str:
    if math.isnan(gap.low):
        return f"{name} differs by {gap.value:+.4f}, without an interval: too few patients."
    interval = f"{gap.value:+.4f}, 95 % interval {gap.low:+.4f} to {gap.high:+.4f}"
    if gap.low > 0 or gap.high < 0:
        better, worse = (first, second) if gap.low > 0 else (second, first)
        return f"{better} {what} better than {worse} ({name} of first minus second {interval})."
    return f"No run demonstrably {what} better ({name} of first minus second {interval})."


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
