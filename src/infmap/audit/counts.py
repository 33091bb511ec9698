"""Tables of what goes with the class: source, view, size, file, sex, age, writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from infmap.audit.films import Sample
from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.metrics import Estimate, rate

CLASSES = ("COVID-19", "pneumonia", "normal", "other", "unknown")
# Rows of a table, the rest in one: a page must stay readable. Chosen by hand.
_MOST = 6
_UNKNOWN = "not known"


@dataclass(frozen=True)
class Table:
    """Films by a property and by class.

    Attributes:
        name: the property.
        values: rows of the table: value of the property to films of each of ``CLASSES``.
    """

    name: str
    values: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Rate:
    """Share of films with a finding, with its interval by patient.

    Attributes:
        among: the films: "COVID-19", "other", or a source and one of these.
        marked: share with any glyph: writing or a side marker.
        line: share with three or more glyphs in a line: writing.
    """

    among: str
    marked: Estimate
    line: Estimate


def class_of(row: Film) -> str:
    """One of ``CLASSES``: COVID-19 first, since such a film is often labelled pneumonia too."""
    if row["covid19"]:
        return "COVID-19"
    if row["covid19"] is None:
        return "unknown"
    if row["pneumonia"]:
        return "pneumonia"
    return "normal" if row["normal"] else "other"


def tables(rows: Sequence[Film]) -> list[Table]:
    """Class by source, and by what else a network might learn instead."""
    properties: dict[str, Callable[[Film], str]] = {
        "source": lambda row: str(row["source"]),
        "view": lambda row: _text(row.get("view")),
        "size in pixels": lambda row: f"{row['width']} x {row['height']}",
        "bits": lambda row: _text(row.get("bits")),
        "file name ends in": lambda row: str(row["path"]).rpartition(".")[2].lower(),
        "photometric interpretation": lambda row: _text(row.get("photometric")),
        "sex": lambda row: _text(row.get("sex")),
        "age": lambda row: _decades(row.get("age")),
    }
    return [_table(name, value, rows) for name, value in properties.items()]


def _table(name: str, value: Callable[[Film], str], rows: Sequence[Film]) -> Table:
    counts = Counter((value(row), class_of(row)) for row in rows)
    total: Counter[str] = Counter()
    for (found, _), films in counts.items():
        total[found] += films
    most = [found for found, _ in total.most_common(_MOST if name != "source" else None)]
    table = {found: tuple(counts[found, kind] for kind in CLASSES) for found in most}
    rest = [found for found in total if found not in table]
    if rest:
        left = tuple(sum(counts[found, kind] for found in rest) for kind in CLASSES)
        table[f"{len(rest)} others"] = left
    if name == "age":
        table = dict(sorted(table.items()))
    return Table(name, table)


def _text(value: object) -> str:
    return _UNKNOWN if value is None or value == "" else str(value)


def _decades(age: float | None) -> str:
    if age is None or np.isnan(age):
        return _UNKNOWN
    # Twenty years: finer classes would hold few films, and tell of single people.
    start = 20 * int(age // 20)
    return f"{start:2d} to {start + 19}"


def text_rates(sample: Sample) -> list[Rate]:
    """How often writing was found, by class, then by class within each source."""
    kinds = ["COVID-19" if row["covid19"] else "other" for row in sample.rows]
    known = [row["covid19"] is not None for row in sample.rows]
    source = [str(row["source"]) for row in sample.rows]
    found = [_rate(kind, sample, [k == kind and w for k, w in zip(kinds, known)])
             for kind in ("COVID-19", "other")]  # fmt: skip
    several = len(set(source)) > 1
    for name in sorted(set(source)) if several else ():
        for kind in ("COVID-19", "other"):
            own = [s == name and k == kind and w for s, k, w in zip(source, kinds, known)]
            found.append(_rate(f"{name}: {kind}", sample, own))
    return [share for share in found if share.marked.n]


def _rate(among: str, sample: Sample, own: Sequence[bool]) -> Rate:
    films = [(text, row) for text, row, wanted in zip(sample.text, sample.rows, own) if wanted]
    groups = film_groups([row for _, row in films])
    marked, line = ([t.glyphs > 0 for t, _ in films], [bool(t.line) for t, _ in films])
    return Rate(among, rate(marked, groups), rate(line, groups))
