"""Figures of external validation: kept as JSON and CSV, and set side by side as tables."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infmap.core.errors import UsageError
from infmap.metrics import Estimate
from infmap.study.by_source import AGAINST, SCORES, Figures, Selection, worst
from infmap.study.external import External, Limit

FIGURES = "figures.json"
BEGIN, END = "<!-- external: begin -->", "<!-- external: end -->"
"""Marks in a page between which tables are replaced."""


@dataclass(frozen=True)
class Run:
    """What scoring some models gave.

    Attributes:
        snapshot: checksum of the films' snapshot.
        folds: fold to what its model is, and how many films it was trained on but is scored on.
        figures: films to figure to estimate.
        strata: the same by view, sex and age.
        selection: the number that models are chosen by.
    """

    snapshot: str
    folds: dict[str, dict[str, Any]]
    figures: dict[str, Figures]
    strata: dict[str, Figures]
    selection: Selection

    def write(self, folder: Path) -> None:
        """Write figures.json and figures.csv."""
        chosen = self.selection
        values = {
            "snapshot": self.snapshot,
            "folds": self.folds,
            "selection": {
                "value": _numbers(chosen.value),
                "parts": {name: _numbers(part) for name, part in chosen.parts.items()},
                "missed_floors": list(chosen.missed),
            },
            "figures": nested(self.figures),
            "strata": nested(self.strata),
        }
        text = json.dumps(values, indent=1, allow_nan=False) + "\n"
        (folder / FIGURES).write_text(text, encoding="utf-8")
        with (folder / "figures.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("films", "figure", "value", "low", "high", "n"))
            for name, found in (self.figures | self.strata).items():
                for figure, estimate in found.items():
                    writer.writerow((name, figure, *_numbers(estimate)))

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read what ``write`` wrote.

        Raises:
            UsageError: there is no such file, or it holds something else.
        """
        try:
            values = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
            chosen = values["selection"]
            return cls(
                values["snapshot"],
                values["folds"],
                _estimates(values["figures"]),
                _estimates(values["strata"]),
                Selection(
                    _estimate(chosen["value"]),
                    {name: _estimate(part) for name, part in chosen["parts"].items()},
                    tuple(chosen["missed_floors"]),
                ),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder}: expected figures of external.py score: {error}") from error


def tables(runs: Mapping[str, Run], design: External) -> str:
    """Tables in Markdown, one column a run."""
    parts = [
        _models(runs),
        "**The number that models are chosen by** and its parts.",
        _table(("part", *runs), _selection_rows(runs)),
        "**Bars.**",
        _table(("films", "figure", "bar", *runs), _limit_rows(runs, design.bars)),
        "**From what detection is read**: AUROC of COVID-19 films against others.",
        _table(("model", "films", "against", *SCORES), _detection_rows(runs)),
        "**In source** (validation set; films without a copy among those trained on).",
        _table(("model", "figure", "films", *runs), _figure_rows(runs, "validation")),
        "**Each source left out.**",
        _table(("films", "figure", "n", *runs), _figure_rows(runs, None)),
        "**By view, sex and age** (as the sources state them).",
        _table(("films", "figure", "n", *runs), _strata_rows(runs)),
    ]
    return "\n\n".join(parts) + "\n"


def into_page(text: str, page: Path | None) -> None:
    """Print tables, or set them between the marks of a page.

    Raises:
        UsageError: the page has no marks.
    """
    if page is None:
        print(text)
        return
    whole = page.read_text(encoding="utf-8")
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{page}: expected the marks {BEGIN} and {END}, each on its own line")
    page.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def shown(estimate: Estimate) -> str:
    """A figure with its interval."""
    if math.isnan(estimate.value):
        return ""
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _models(runs: Mapping[str, Run]) -> str:
    lines = []
    for name, run in runs.items():
        for fold, about in run.folds.items():
            seen = about["left_out_but_trained_on"]
            note = f", **trained on {seen} of them**" if seen else ""
            lines.append(
                f"- {name}, fold {fold}: {about['model']} ({about['sha256'][:8]}), "
                f"{about['left_out']} films left out{note}."
            )
    return "\n".join(lines)


def _selection_rows(runs: Mapping[str, Run]) -> Iterator[list[str]]:
    first = next(iter(runs.values()))
    yield ["**mean of the four**", *(f"**{shown(r.selection.value)}**" for r in runs.values())]
    for part in first.selection.parts:
        of = (run.selection.parts.get(part) for run in runs.values())
        yield [part, *(shown(e) if e else "" for e in of)]
    missed = ("; ".join(run.selection.missed) or "none" for run in runs.values())
    yield ["floors missed", *missed]


def _limit_rows(runs: Mapping[str, Run], limits: Sequence[Limit]) -> Iterator[list[str]]:
    for limit in limits:
        cells = []
        for run in runs.values():
            found = worst(run.figures, limit)
            verdict = "reached" if limit.met(found.value) else "missed"
            if any(limit.films in about["trained_on_some_of"] for about in run.folds.values()):
                verdict = "(trained on some)"
            cells.append(f"{shown(found)} {verdict}" if found.n else "not measured")
        bound = f"{'≥' if limit.at_least is not None else '≤'} {limit.bound:g}"
        yield [limit.films, limit.figure, bound, *cells]


def _detection_rows(runs: Mapping[str, Run]) -> Iterator[list[str]]:
    """AUROC of every score (columns), by films and what they stand against."""
    for name, run in runs.items():
        for films, found in run.figures.items():
            for against in AGAINST:
                of = [found.get(f"AUROC against {against}, {score}") for score in SCORES]
                if any(of):
                    yield [name, films, against, *(shown(e) if e else "" for e in of)]


def _figure_rows(runs: Mapping[str, Run], only: str | None) -> Iterator[list[str]]:
    """Figures but areas, which have their own table: of the validation set, or of all else."""
    first = next(iter(runs.values()))
    before: list[Figures] = []
    for films, found in first.figures.items():
        if found in before:  # one model stands for two folds
            continue
        before.append(found)
        if (films.partition(",")[0] == "validation") != (only is not None):
            continue
        for figure, estimate in found.items():
            if not figure.startswith("AUROC"):
                of = (run.figures.get(films, {}).get(figure) for run in runs.values())
                yield [films, figure, str(estimate.n), *(shown(e) if e else "" for e in of)]


def _strata_rows(runs: Mapping[str, Run]) -> Iterator[list[str]]:
    first = next(iter(runs.values()))
    wanted = ("called COVID-19", "infection Dice", "opacity Dice")
    for films, found in first.strata.items():
        for figure, estimate in found.items():
            area = figure.startswith("AUROC") and figure.endswith(", probability")
            if area or figure.startswith(wanted):
                of = (run.strata.get(films, {}).get(figure) for run in runs.values())
                yield [films, figure, str(estimate.n), *(shown(e) if e else "" for e in of)]


def _table(head: Sequence[str], rows: Iterator[list[str]] | Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _numbers(estimate: Estimate) -> list[float | int | None]:
    values = (estimate.value, estimate.low, estimate.high)
    return [*(None if math.isnan(v) else round(v, 5) for v in values), estimate.n]


def _estimate(values: Sequence[Any]) -> Estimate:
    value, low, high = (math.nan if v is None else float(v) for v in values[:3])
    return Estimate(value, low, high, int(values[3]))


def nested(figures: Mapping[str, Figures]) -> dict[str, dict[str, list[float | int | None]]]:
    """Figures as JSON: value, low, high and number of films; null for unknown."""
    return {n: {f: _numbers(e) for f, e in found.items()} for n, found in figures.items()}


def _estimates(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Figures]:
    return {n: {f: _estimate(e) for f, e in found.items()} for n, found in values.items()}
