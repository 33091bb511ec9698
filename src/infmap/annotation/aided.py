"""Films drawn without proposals against films whose readers saw some.

Which films are drawn without any is drawn by lot, so that the two groups differ by chance and by
what proposals make readers accept: masks that lie nearer to the proposals than unaided ones do, or
mark more or less, tell of automation bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infmap.metrics import Bootstrap, Estimate, film_means
from infmap.metrics.intervals import Clusters


@dataclass(frozen=True)
class Marks:
    """What a reading marks with one label.

    Attributes:
        consensus: Dice with the consensus of the film: the senior's mask, or that of the other
            readers; NaN where there is neither, or nobody marked anything.
        proposals: mean Dice with the proposals of the round; NaN where nobody marked anything.
        share: of the lungs' area, or of the film's where its lungs are unknown.
    """

    consensus: float
    proposals: float
    share: float


@dataclass(frozen=True)
class AidedReading:
    """What one reader made of one film for which there were proposals.

    Attributes:
        patient: identifier, the same for all films of one patient.
        aided: the reader saw the proposals.
        seconds: that the reader was active on it.
        marks: figures of the mask by label.
    """

    patient: str
    aided: bool
    seconds: float
    marks: Mapping[str, Marks]


FIGURES = {
    "Dice with consensus": "consensus",
    "Dice with proposals": "proposals",
    "marked share": "share",
}
"""Name of a figure to the field of ``Marks``."""


@dataclass(frozen=True)
class Comparison:
    """One figure of films read with proposals and of films drawn without; intervals by patient.

    Attributes:
        figure: "seconds", or a key of ``FIGURES``.
        label: that was marked; "all" for seconds.
        aided: mean over readings with proposals.
        unaided: mean over readings without.
        difference: aided less unaided, of all readings.
    """

    figure: str
    label: str
    aided: Estimate
    unaided: Estimate
    difference: Estimate


def comparisons(
    readings: Sequence[AidedReading], labels: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> list[Comparison]:
    """Time first, then each label's figures; nothing where one of the groups is empty.

    Args:
        readings: of both groups.
        labels: names out of ``masks.LABELS``.
        draws: of the bootstrap by patient.
        seed: of the draws.
    """
    aided = np.array([reading.aided for reading in readings], np.bool_)
    if aided.all() or not aided.any():
        return []
    columns = {("seconds", "all"): [reading.seconds for reading in readings]}
    # A label that nobody used says nothing.
    for label in (x for x in labels if any(r.marks[x].share for r in readings)):
        for name, field in FIGURES.items():
            columns[name, label] = [getattr(r.marks[label], field) for r in readings]
    bootstrap = Bootstrap([reading.patient for reading in readings], draws, seed)
    clusters = Clusters(bootstrap.groups)
    rows = []
    for (name, label), numbers in columns.items():
        values = np.array(numbers, np.float64)
        # A patient may have films in both groups: both means come from the same draw of patients.
        both = {"aided": np.where(aided, values, np.nan), "not": np.where(aided, np.nan, values)}
        found = film_means(both, bootstrap)
        _, _, drawn = clusters.means(np.stack(list(both.values()), axis=1), draws, seed)
        interval = clusters.percentiles(drawn[:, 0] - drawn[:, 1], bootstrap.level)
        one, other = found["aided"], found["not"]
        apart = Estimate(one.value - other.value, *interval, one.n + other.n)
        rows.append(Comparison(name, label, one, other, apart))
    return rows
