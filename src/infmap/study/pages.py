"""What the tables of a study's page are made from, and how one is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infmap.metrics import Difference
from infmap.study.films import FilmTable
from infmap.study.grid import Run
from infmap.study.labels import drawn_source, run_names
from infmap.study.records import Interval, Result
from infmap.study.splits import HELD_OUT
from infmap.study.study import Study

Done = Sequence[tuple[Run, Result]]


@dataclass(frozen=True)
class TextTable:
    """A table of a page.

    Attributes:
        name: of its files.
        title: one sentence.
        note: what to know of it, or empty.
        head: headings.
        rows: cells, the first names the row.
    """

    name: str
    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def of_words(self) -> list[bool]:
        """Of each column whether a cell of it is words; the others are figures."""
        return [
            any(text and text[0] not in "0123456789+-<" for text in column)
            for column in zip(*self.rows, strict=True)
        ]

    def records(self) -> list[dict[str, str]]:
        """Rows by heading."""
        return [dict(zip(self.head, row, strict=True)) for row in self.rows]

    def markdown(self) -> str:
        """Title, note and table."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join(part for part in (f"**{self.title}**", self.note, table) if part)


@dataclass(frozen=True)
class Pages:
    """What the tables are made from.

    Attributes:
        study: the study.
        done: runs of its grid with a result of the present scoring.
        repeated: the same of its runs with further seeds.
        source: held-out source in which infection is drawn.
        names: id of a run to its name.
    """

    study: Study
    done: Done
    repeated: Done
    source: str
    names: dict[str, str]

    @property
    def ranked(self) -> list[tuple[Run, Result]]:
        """Segmentation networks, the highest pooled F1 on the held-out source first."""
        networks = [pair for pair in self.done if not pair[0].classifier]
        return sorted(
            networks, key=lambda pair: -(figure_value(self.inside(pair[1]), "infection_f1"))
        )

    def inside(self, result: Result) -> Mapping[str, Interval]:
        """Figures on the held-out source."""
        return result["held_out"].get(self.source, {})

    @property
    def outside(self) -> list[str]:
        """Sources left out in which infection is drawn."""
        return sorted({
            source
            for _, result in self.ranked
            for source, figures in result["external"].items()
            if (drawn := figures.get("infection_dice_positive")) and drawn["n"]
        })  # fmt: skip

    def films(self, run: Run, method: str | None = None) -> FilmTable:
        """Films of the held-out source."""
        return self.study.films(run, method).part(HELD_OUT, self.source)


def current_results(study: Study) -> list[tuple[Run, Result]]:
    """Runs with a result that this version scored."""
    found = ((run, study.result(run)) for run in study.runs)
    return [(run, result) for run, result in found if result and "held_out" in result]


def open_pages(study: Study) -> Pages | None:
    """The runs of a study; None before any of its grid was scored on drawn infection."""
    found = current_results(study)
    done = [pair for pair in found if not study.repeats(pair[0])]
    repeated = [pair for pair in found if study.repeats(pair[0])]
    source = drawn_source(result for _, result in done)
    names = run_names(study.runs, study.config.grid.seeds)
    return None if source is None else Pages(study, done, repeated, source, names)


def difference(gap: Difference | None) -> str:
    """A difference with its sign and interval."""
    if gap is None or np.isnan(gap.value):
        return "--"
    interval = "" if np.isnan(gap.low) else f" [{gap.low:+.3f}, {gap.high:+.3f}]"
    return f"{gap.value:+.3f}{interval}"


def figure_value(figures: Mapping[str, Interval], name: str) -> float:
    """A figure; -1 where it is not known, so that it ranks last."""
    found = figures.get(name)
    return -1.0 if found is None or found["value"] is None else found["value"]


def p_text(value: float) -> str:
    """A p-value."""
    return "--" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
