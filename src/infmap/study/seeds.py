"""The networks that were trained with further seeds: what the seed alone changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infmap import metrics
from infmap.metrics import Difference
from infmap.study.compare import LEVEL, compare_films
from infmap.study.films import FilmTable
from infmap.study.latex import cell
from infmap.study.pages import Pages, TextTable, difference, figure_value, p_text
from infmap.study.tables import paired

FIGURES = {
    "infection_f1": "F1, pooled",
    "infection_dice_positive": "Dice, films with infection",
    "detection_auroc": "AUROC",
    "detection_sensitivity": "sensitivity, amount",
    "detection_specificity": "specificity, amount",
}


def seeds_table(pages: Pages) -> Iterator[TextTable]:
    """Each figure with the first seed, with a further one, and their difference on the same films.

    A network whose first seed is not done has no row.
    """
    rows: list[list[str]] = []
    changes: dict[str, list[Difference]] = {}
    rates: list[float] = []
    pairs = [
        (first, second)
        for first in pages.ranked
        for second in pages.repeated
        if (first[0].cell, first[0].fold) == (second[0].cell, second[0].fold)
        and first[0].seed == pages.study.config.grid.seeds[0]
    ]
    for (base, before), (run, result) in pairs:
        gaps = _differences(pages.films(run), pages.films(base), pages.study.config.draws)
        changes.setdefault(base.id, []).append(gaps["infection_f1"])
        rates.append(abs(gaps["detection_sensitivity"].value))
        for key, words in FIGURES.items():
            gap = gaps.get(key)
            figures = (pages.inside(r).get(key) for r in (before, result))
            rows.append([
                pages.names[base.id], f"{base.seed}, {run.seed}", words,
                *(cell(figure) for figure in figures),
                difference(gap), p_text(gap.p if gap else np.nan),
            ])  # fmt: skip
    yield TextTable(
        "seeds",
        "Second seeds: the same network trained again from another seed, paired on the same films.",
        _meaning(pages, changes, max(rates)) if changes else "",
        ("network", "seeds", "figure", "first seed", "second seed", "second minus first", "p"),
        rows,
    )


def _differences(second: FilmTable, first: FilmTable, draws: int) -> dict[str, Difference]:
    """Second minus first; the rates are of the film's probability at its own operating point."""
    found = dict(compare_films(("second", "first"), second, first, draws).differences)
    a, b = paired(*(t.with_class().known("covid_detected") for t in (second, first)))
    for name, keep in (("sensitivity", a.covid), ("specificity", ~a.covid)):
        x, y = a.where(keep), b.where(keep)
        right = [(t.values["covid_detected"] > 0) == t.covid for t in (x, y)]
        bootstrap = metrics.Bootstrap(x.text["group"], draws)
        found[f"detection_{name}"] = metrics.mean_difference(right[0], right[1], bootstrap)
    return found


def _meaning(pages: Pages, changes: dict[str, list[Difference]], rate: float) -> str:
    """What the seed's changes say of the order of networks, in plain sentences.

    Args:
        pages: the runs.
        changes: of pooled F1, by network, one a further seed.
        rate: largest change of sensitivity; NaN without films of COVID-19.
    """
    every = [change for of_network in changes.values() for change in of_network]
    sizes = [abs(change.value) for change in every]
    largest, ranked = max(sizes), pages.ranked
    values = [figure_value(pages.inside(result), "infection_f1") for _, result in ranked]
    steps = [above - below for above, below in zip(values, values[1:])]
    within = sum(step <= largest for step in steps)
    said = [
        f"Another seed changes the pooled F1 by {np.mean(sizes):.3f} on average and by "
        f"{largest:.3f} at most ({len(changes)} networks). The intervals are by patient: they do "
        "not contain this change."
    ]
    if told := sum(change.p < LEVEL for change in every):
        said.append(
            f"By the paired test {told} of these {len(every)} changes have p below {LEVEL}: a "
            "small p between two networks does not show that the cause is the network."
        )
    if steps:
        first = "also" if steps[0] <= largest else "but not"
        said.append(
            f"{within} of the {len(steps)} steps between neighbours in the table of networks are "
            f"no larger than {largest:.3f}, {first} that between the best and the next "
            f"({steps[0]:.3f}): "
            "the order of such neighbours may be the seed's alone."
        )
    if rate == rate:
        said.append(
            f"The sensitivity at the operating point changes by {rate:.3f} at most: networks that "
            "differ by less in it are not distinguished."
        )
    means = {
        run.id: value + sum(c.value for c in changes[run.id]) / (1 + len(changes[run.id]))
        for (run, _), value in zip(ranked, values)
        if run.id in changes
    }
    if len(means) > 1:
        order = sorted(means, key=lambda name: -means[name])
        listed = "; ".join(f"{pages.names[name]} {means[name]:.3f}" for name in order)
        said.append(f"Means of the seeds: {listed}.")
    if len(ranked) > len(means) and set(changes) == {run.id for run, _ in ranked[: len(changes)]}:
        said.append(
            "These networks were the best with the first seed, which by chance favours that seed."
        )
    return " ".join(said)
