"""The audit as a record, and as the files of its folder."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment

from infmap.audit import figures, views
from infmap.audit.counts import CLASSES, Rate, Table
from infmap.audit.overlap import SIDES, Overlap
from infmap.audit.patterns import Pattern
from infmap.audit.probes import Probe
from infmap.audit.verdict import Finding, interval
from infmap.core.errors import UsageError
from infmap.core.files import finite, write_bytes
from infmap.core.spreadsheet import cell
from infmap.metrics import Estimate


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        findings: the verdict, worst first.
        probes: how well label and source are predicted from each view.
        rates: how often writing was found.
        overlaps: what splits and sources share.
        tables: class by source and by other properties, of all films.
        films: films in the catalog.
        read: films that the probes saw.
        lateral: lateral films left out.
        unmasked: of the films read, those without a lung mask.
        unread: film_id and reason of films that could not be read.
        seed: of sampling, folds, probes and intervals.
    """

    findings: tuple[Finding, ...]
    probes: tuple[Probe, ...]
    rates: tuple[Rate, ...]
    overlaps: tuple[Overlap, ...]
    tables: tuple[Table, ...]
    films: int
    read: int
    lateral: int
    unmasked: int
    unread: tuple[tuple[str, str], ...]
    seed: int

    @property
    def verdict(self) -> list[str]:
        """The findings as lines, each with its grade in front."""
        return [f"{finding.grade}: {finding.text}" for finding in self.findings]

    def to_dict(self) -> dict[str, object]:
        """The record for JSON; a figure that does not exist is null."""
        found = {"classes": list(CLASSES), **asdict(self)}
        return {key: finite(value) for key, value in found.items()}


def write(report: AuditReport, patterns: Sequence[Pattern], out: Path) -> None:
    """Write audit.html, audit.json, audit.csv and the pictures.

    Raises:
        UsageError: the folder cannot be written.
    """
    pictures = {}
    if report.probes:
        pictures["auroc.png"] = figures.areas(report.probes)
    chosen = figures.pictured(patterns)
    if chosen:
        pictures["patterns.png"] = figures.patterns(chosen)
    if report.rates:
        pictures["writing.png"] = figures.writing(report.rates)
    text = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    page = _page(report, pictures, chosen[0].among if chosen else "")
    written = {"audit.html": page, "audit.json": text, "audit.csv": _csv(report.probes)}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in (pictures | {k: v.encode() for k, v in written.items()}).items():
            write_bytes(out / name, data)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error


def _csv(probes: Sequence[Probe]) -> str:
    stream = io.StringIO()
    names = ["view", "told", "among", "films", "classes"]
    ends = ("value", "low", "high")
    names += [f"{figure}_{end}" for figure in ("auroc", "balanced_accuracy") for end in ends]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*names, "auroc_by_chance"])
    for p in probes:
        classes = "; ".join(f"{name} {films}" for name, films in p.classes.items())
        numbers = [getattr(e, end) for e in (p.auroc, p.accuracy) for end in ends]
        rounded = ["" if math.isnan(x) else f"{x:.4f}" for x in (*numbers, p.chance_auroc)]
        writer.writerow(map(cell, [p.view, p.told, p.among, p.auroc.n, classes, *rounded]))
    return stream.getvalue()


def _page(report: AuditReport, pictures: dict[str, bytes], among: str) -> str:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(estimate=interval, share=_share, chance=_chance)
    template = files("infmap.audit").joinpath("audit.html.j2").read_text("utf-8")
    uris = {name: _uri(data) for name, data in pictures.items()}
    groups = dict.fromkeys((p.told, p.among) for p in report.probes)
    return environment.from_string(template).render(
        report=report,
        pictures=uris,
        among=among,
        groups={key: [p for p in report.probes if (p.told, p.among) == key] for key in groups},
        classes=CLASSES,
        sides=SIDES,
        views=views,
        written=time.strftime("%Y-%m-%d %H:%M"),
    )


def _share(rate: Estimate) -> str:
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _chance(value: float) -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{value:.2f}"


def _uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
