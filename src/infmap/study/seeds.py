"""The networks that were trained with further seeds: what the seed alone changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infmap import metrics
from infmap.metrics import Difference
from infmap.study.compare import compare_films
from infmap.study.films import FilmTable
from infmap.study.grid import Run
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
    changes: dict[str, list[float]] = {}
    for run, result in pages.repeated:
        found = [pair for pair in pages.ranked if _same_network(pair[0], run)]
        if not found:
            continue
        base, before = found[0]
        gaps = _differences(pages.films(run), pages.films(base), pages.study.config.draws)
        changes.setdefault(base.id, []).append(gaps["infection_f1"].value)
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
        _meaning(pages, changes) if changes else "",
        ("network", "seeds", "figure", "first seed", "second seed", "second minus first", "p"),
        rows,
    )


def _same_network(one: Run, other: Run) -> bool:
    return (one.cell, one.fold) == (other.cell, other.fold)


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


def _meaning(pages: Pages, changes: dict[str, list[float]]) -> str:
    """What the seed's changes of pooled F1 say of the order of networks, in plain sentences."""
    sizes = [abs(change) for of_network in changes.values() for change in of_network]
    largest, ranked = max(sizes), pages.ranked
    values = [figure_value(pages.inside(result), "infection_f1") for _, result in ranked]
    steps = [above - below for above, below in zip(values, values[1:])]
    within = sum(step <= largest for step in steps)
    said = [
        f"Another seed changes the pooled F1 by {np.mean(sizes):.3f} on average and by "
        f"{largest:.3f} at most ({len(changes)} networks). The intervals are by patient: they do "
        "not contain this change."
    ]
    if steps:
        first = "so is" if steps[0] <= largest else "not so"
        said.append(
            f"{within} of the {len(steps)} steps from one network to the next in the table of "
            f"networks are no larger, {first} that of the best to the next ({steps[0]:.3f}): such "
            "neighbours may stand in their order by the seed alone."
        )
    means = {run.id: value + sum(changes[run.id]) / (1 + len(changes[run.id]))
             for (run, _), value in zip(ranked, values) if run.id in changes}  # fmt: skip
    if len(means) > 1:
        order = sorted(means, key=lambda name: -means[name])
        listed = "; ".join(f"{pages.names[name]} {means[name]:.3f}" for name in order)
        said.append(f"Means of the seeds: {listed}.")
    if len(ranked) > len(means) and set(changes) == {run.id for run, _ in ranked[: len(changes)]}:
        said.append(
            "These networks were the best with the first seed, which by chance favours that seed."
        )
    return " ".join(said)
