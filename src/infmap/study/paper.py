"""The tables of a study as a paper prints them: rows are networks by name, cells are text.

Made from the runs' own files each time, so that no figure of a page is typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from infmap import metrics
from infmap.study.compare import Comparison, compare_films
from infmap.study.films import FilmTable
from infmap.study.grid import Run
from infmap.study.labels import run_names, source_name
from infmap.study.latex import cell
from infmap.study.missing import missing_runs
from infmap.study.pages import (
    Done,
    Pages,
    TextTable,
    current_results,
    difference,
    figure_value,
    open_pages,
    p_text,
)
from infmap.study.paper_maps import activation_table, gap_table
from infmap.study.published import published_table
from infmap.study.records import Interval, Result, Speeds, Timed
from infmap.study.seeds import seeds_table
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.study.study import Study
from infmap.study.tables import paired, paired_f1

RULES = {
    "detection": "amount or class",
    "map_detection": "least area",
    "any_detection": "any pixel",
}
"""Prefix of a rule's figures to what it reads."""
DECISIONS = {
    "detection": "covid_detected",
    "map_detection": "map_detected",
    "any_detection": "map_any",
}


def paper_tables(study: Study) -> list[TextTable]:
    """Every table of the study's page; those that no run speaks of are left out.

    Runs that an earlier version scored stand among the missing until they are scored again.
    """
    tables = [*_missing(study, current_results(study))]
    pages = open_pages(study)
    if pages is not None:
        for make in (_networks, seeds_table, _cost, _detection, _confusion, _left_out,
                     _left_out_detection, activation_table, gap_table, _against_best):  # fmt: skip
            tables += make(pages)
    return [*(table for table in tables if table.rows), published_table(pages)]


def _missing(study: Study, done: Done) -> Iterator[TextTable]:
    names = run_names(study.runs, study.config.grid.seeds)
    rows = []
    for missing in missing_runs(study):
        hours = "not known" if missing.hours is None else f"{missing.hours:.1f}"
        # Whether its process still runs cannot be seen from the files.
        state = "begun" if missing.state == "running" else missing.state
        state = f"{state}: {missing.reason}" if missing.reason else state
        rows.append([names[missing.run.id], state, hours, missing.from_runs])
    current = {run.id for run, _ in done}
    old = [run for run in study.runs if study.result(run) is not None and run.id not in current]
    rows += [[names[run.id], "to be scored again: infmap study score", "0", ""] for run in old]
    kinds = {
        "networks": [r for r in study.runs if not r.classifier and not study.repeats(r)],
        "classifiers": [r for r in study.runs if r.classifier and not study.repeats(r)],
        "second seeds": [r for r in study.runs if study.repeats(r)],
    }
    parts = [f"{sum(run.id in current for run in runs)} of {len(runs)} {kind}"
             for kind, runs in kinds.items() if runs]  # fmt: skip
    title = (
        f"{len(done)} of {len(study.runs)} runs are done: {', '.join(parts)}; these are missing."
    )
    yield TextTable(
        "missing", title, "", ("run", "state", "hours it needs", "estimated from runs"), rows
    )


def _networks(pages: Pages) -> Iterator[TextTable]:
    keys = ("infection_f1", "infection_dice_positive", "infection_nsd_positive",
            "lungs_dice_film", "share_mae", "share_icc")  # fmt: skip
    rows = [
        [pages.names[run.id], *(cell(pages.inside(result).get(key)) for key in keys)]
        for run, result in pages.ranked
    ]
    n = _films(pages, "infection_f1")
    yield TextTable(
        "networks",
        f"Infection maps on {source_name(pages.source)}, {n} held-out films; best first.",
        "F1 is pooled over the pixels of all films, controls included. Dice and surface Dice are "
        "means of the films with infection. Involvement is the fraction of the lung area: mean "
        f"absolute error, and agreement ICC(2,1). {_by_dice(pages)}",
        ("network", "F1, pooled", "Dice", "surface Dice", "lungs, Dice", "involvement, error",
         "involvement, ICC"),
        rows,
    )  # fmt: skip


def _by_dice(pages: Pages) -> str:
    """Says where the order by Dice has another first network than that by pooled F1."""
    key = "infection_dice_positive"
    dice = {run.id: figure_value(pages.inside(result), key) for run, result in pages.ranked}
    best = max(dice, key=lambda name: dice[name], default=None)
    if best is None or best == pages.ranked[0][0].id:
        return ""
    return f"The order is by F1: by Dice {pages.names[best]} would be first."


def _cost(pages: Pages) -> Iterator[TextTable]:
    speeds = pages.study.speeds()
    timed = speeds.get("networks", {}) if speeds else {}
    rows = []
    for run, result in _networks_then_classifiers(pages):
        size, budget = result["size"], result.get("budget")
        trained = size.get("trainable_parameters", size["parameters"])
        rows.append([
            pages.names[run.id], f"{size['parameters'] / 1e6:.2f}", f"{trained / 1e6:.2f}",
            f"{size['gflops']:.2f}", f"{budget['films_seen']:,}" if budget else "not known",
            _minutes(pages.study, run), *_time_cells(timed.get(run.id)),
        ])  # fmt: skip
    for model in pages.study.beside():
        if model["model"] in timed:
            rows.append([model["model"], *["--"] * 5, *_time_cells(timed[model["model"]])])
    yield TextTable(
        "cost",
        "What each network takes.",
        f"Films shown in training, repetitions counted. {_hours_of_all(pages)} "
        + (f"Milliseconds: {_how_timed(speeds)}" if speeds else ""),
        ("network", "parameters, million", "of them trained", "GFLOP a film", "films shown",
         "training, min", "ms per film", "input, pixels", "number format"),
        rows,
    )  # fmt: skip


def _time_cells(found: Timed | None) -> list[str]:
    if found is None:
        return ["--"] * 3
    return [f"{found['ms']:.1f}", str(found["size"]), found["precision"]]


def _how_timed(speeds: Speeds) -> str:
    return (
        f"median of {speeds['calls']} calls a network, one film a call, all networks in turns in "
        f"one process; {speeds['runtime']}, {speeds['threads']} threads, {speeds['processor']}, "
        f"{speeds['load']:.1f} other processes at work or waiting in the minute before."
    )


def _minutes(study: Study, run: Run) -> str:
    seconds = study.timing(run).get("train_s")
    return "not known" if seconds is None else f"{seconds / 60:.0f}"


def _hours_of_all(pages: Pages) -> str:
    timings = [pages.study.timing(run) for run, _ in (*pages.done, *pages.repeated)]
    hours = sum(timing.get("train_s", 0.0) for timing in timings) / 3600
    return f"Training of all {len(timings)} runs that are done took {hours:.1f} hours."


def _rule_cells(found: Mapping[str, Interval]) -> list[str]:
    return [cell(found.get(f"{rule}_{name}"))
            for rule in RULES for name in ("sensitivity", "specificity")]  # fmt: skip


def _rule_head() -> list[str]:
    return [f"{name}, {words}" for words in RULES.values()
            for name in ("sensitivity", "specificity")]  # fmt: skip


def _detection(pages: Pages) -> Iterator[TextTable]:
    rows = [
        [pages.names[run.id], cell(found.get("detection_auroc")), *_rule_cells(found)]
        for run, result in _networks_then_classifiers(pages)
        if (found := pages.inside(result))
    ]
    yield TextTable(
        "detection",
        f"Detection of COVID-19 on {source_name(pages.source)}, "
        f"{_films(pages, 'detection_auroc')} held-out films.",
        "By the amount of infection in the lungs (of a classifier: by its class); by the paper's "
        "rule with a least area; and by the rule as published, any infected pixel. The first two "
        "have the same specificity, 0.995, on the validation films that they are chosen on.",
        ("network", "AUROC", *_rule_head()),
        rows,
    )


def _confusion(pages: Pages) -> Iterator[TextTable]:
    rows = []
    for run, _ in _networks_then_classifiers(pages):
        table = pages.study.films(run).with_class()
        parts = [(HELD_OUT, pages.source)]
        parts += [(EXTERNAL, s) for s in sorted(set(table.part(EXTERNAL).text["source"].tolist()))]
        for part, source in parts:
            films = table.part(part, source)
            counts = [_counts(films, column) for column in DECISIONS.values()]
            rows.append([pages.names[run.id], source_name(source), *counts])
    yield TextTable(
        "confusion",
        "Confusion matrices: COVID-19 found / missed; other films called COVID-19 / not.",
        "",
        ("network", "films", *RULES.values()),
        rows,
    )


def _counts(films: FilmTable, column: str) -> str:
    known = films.known(column)
    if not len(known):
        return ""
    yes, covid = known.values[column] > 0, known.covid
    return (f"{(covid & yes).sum()} / {(covid & ~yes).sum()}; "
            f"{(~covid & yes).sum()} / {(~covid & ~yes).sum()}")  # fmt: skip


def _left_out(pages: Pages) -> Iterator[TextTable]:
    sources = pages.outside
    head, rows, keys = ["network"], [], ("infection_f1", "infection_dice_positive")
    for source in sources:
        n = [_films(pages, key, source) for key in keys]
        head += [f"{source_name(source)}: F1, pooled, {n[0]} films",
                 f"Dice, {n[1]} films with infection"]  # fmt: skip
    for run, result in pages.ranked:
        cells = [pages.names[run.id]]
        for source in sources:
            cells += [cell(result["external"].get(source, {}).get(key)) for key in keys]
        rows.append(cells)
    if sources:
        note = "The order is that of the held-out films."
        yield TextTable("left-out", "Infection maps on sources left out.", note, head, rows)


def _left_out_detection(pages: Pages) -> Iterator[TextTable]:
    sources = sorted({source for _, result in pages.done for source in result["external"]})
    rows = []
    for source in sources:
        for run, result in _networks_then_classifiers(pages):
            found = result["external"].get(source, {})
            cells = [cell(found.get("detection_auroc")), *_rule_cells(found)]
            if any(text != "--" for text in cells):
                rows.append([source_name(source), pages.names[run.id], *cells])
    head = ("films", "network", "AUROC", *_rule_head())
    yield TextTable("left-out-detection", "Detection on sources left out.", "", head, rows)


def _against_best(pages: Pages) -> Iterator[TextTable]:
    if len(pages.ranked) < 2:
        return
    best = pages.ranked[0][0]
    mine, rows = pages.films(best), []
    for run, _ in pages.ranked[1:]:
        a, b = paired(mine.with_class().known("covid_detected"),
                      pages.films(run).with_class().known("covid_detected"))  # fmt: skip
        right = [(t.values["covid_detected"] > 0) == t.covid for t in (a, b)]
        test = metrics.mcnemar(right[0], right[1], a.text["group"])
        gap = paired_f1(mine, pages.films(run), pages.study.config.draws)
        rows.append([pages.names[run.id], difference(gap), p_text(gap.p if gap else np.nan),
                     f"{test.only_first} / {test.only_second}", p_text(test.p)])  # fmt: skip
    verdict = best_and_next(pages)
    yield TextTable(
        "against-best",
        f"{pages.names[best.id]}, the highest pooled F1, minus each other network, paired on the "
        "same films.",
        f"Against the next: {verdict.verdict} The p-values are of one comparison each; of "
        f"{len(rows)}, the smallest is to be below {0.05 / len(rows):.4f} (Bonferroni); "
        f"that of F1 cannot be below {2 / (pages.study.config.draws + 1):.3f} with "
        f"{pages.study.config.draws} draws.",
        ("network", "pooled F1, best minus this", "p", "detected right only by the best / by this",
         "p, McNemar"),
        rows,
    )  # fmt: skip


def best_and_next(pages: Pages) -> Comparison:
    """The two networks with the highest pooled F1, compared on the held-out source."""
    (first, _), (second, _) = pages.ranked[:2]
    names = pages.names[first.id], pages.names[second.id]
    draws = pages.study.config.draws
    return compare_films(names, pages.films(first), pages.films(second), draws)


def _films(pages: Pages, name: str, outside: str | None = None) -> int:
    """Films that a figure of the best network stands on, of the held-out or another source."""
    if not pages.ranked:
        return 0
    best = pages.ranked[0][1]
    figures = best["held_out"][pages.source] if outside is None else best["external"].get(outside)
    found = (figures or {}).get(name)
    return found["n"] if found else 0


def _networks_then_classifiers(pages: Pages) -> list[tuple[Run, Result]]:
    return [*pages.ranked, *(pair for pair in pages.done if pair[0].classifier)]
