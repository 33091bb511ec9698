"""The page: one file that opens offline."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import IO

from jinja2 import Environment, FunctionLoader

from infmap.core.types import GRADES, ZONES, CalibratedOn
from infmap.inference.limits import FILM_REJECTS, LUNG_REJECTS
from infmap.inference.quality import limits
from infmap.inference.severity import Calibration
from infmap.report.files import make_folder, write_atomically
from infmap.report.lines import PredictionLine
from infmap.report.overlay import (
    INFECTION_COLOUR,
    LUNG_COLOUR,
    OPACITY_COLOUR,
    Layer,
    colour_table,
)
from infmap.report.text import LAYERS, bounds, figure, grade_text, percent, probability
from infmap.report.thumbnails import Thumb

# Films on the page, so that browsers still open it; all films are counted, and in the tables.
# Chosen by hand.
FILM_LIMIT = 200


def write_report(
    out: Path,
    rows: Iterable[PredictionLine],
    thumbnails: Mapping[str, Thumb],
    *,
    model_card: str,
    title: str = "Chest film report",
    operating_point: float | None = None,
    rules: str | None = None,
    areas: Sequence[str] = (),
    limit: int = FILM_LIMIT,
) -> Path:
    """Write ``report.html``: pictures, figures and warnings, film by film.

    Thumbnails are looked up one at a time while the file is written, so memory does not grow
    with the run; hand a ``ThumbStore`` to keep them on disk.

    Args:
        out: the run's folder, made if need be.
        rows: lines of ``results.jsonl`` in order. The first ``limit`` are shown, all are counted.
        thumbnails: film id to its layers; a film without one is shown by its figures alone.
        model_card: plain text on the model: name, training data, limits.
        title: heading of the page.
        operating_point: probability from which COVID-19 counts as detected, marked on the bar.
        rules: what the points to rule COVID-19 out and in are worth, and on which films.
        areas: how far shares of the lungs were from the truth, and on which films; sentences.
        limit: most films shown.

    Returns:
        The file.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    stream = iter(rows)
    # Only the films that are shown are held; the rest is counted as it passes.
    shown = list(islice(stream, limit))
    counts = Counter(row["status"] for row in shown)
    counts.update(row["status"] for row in stream)
    template = _environment().get_template("report.html.j2")
    chunks = template.generate(
        title=title,
        model_card=model_card,
        models=sorted({str(row["model"]) for row in shown if row.get("model")}),
        operating_point=operating_point,
        rules=rules,
        areas=areas,
        rows=shown,
        total=sum(counts.values()),
        counts=counts,
        thumb=thumbnails.get,
        written=time.strftime("%Y-%m-%d %H:%M"),
        grades=GRADES,
        zones=ZONES,
        layers=LAYERS,
        limits=limits(),
        colours={
            "lungs": _css(LUNG_COLOUR),
            "infected": _css(INFECTION_COLOUR),
            "opaque": _css(OPACITY_COLOUR),
        },
        ramps={name: _ramp(name) for name in ("infection", "opacity", "doubt")},
    )
    return write_atomically(make_folder(Path(out)) / "report.html", lambda f: _write_all(f, chunks))


def _write_all(f: IO[bytes], chunks: Iterator[str]) -> None:
    for chunk in chunks:
        # A file name that is not UTF-8 shows its stray bytes as \udcxx.
        f.write(chunk.encode("utf-8", errors="backslashreplace"))


def _environment() -> Environment:
    """Templates of this package; their values are escaped, whatever a film's header holds."""
    folder = files("infmap.report")
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
    )
    environment.filters.update(
        percent=percent,
        probability=probability,
        share=share,
        data_uri=data_uri,
        figure=figure,
        bounds=bounds,
        layer=shown_layer,
        calibrated_on=calibrated_on,
        broken=broken,
    )
    environment.globals.update(grade_text=grade_text)
    return environment


def _css(colour: Iterable[int]) -> str:
    return "rgb({}, {}, {})".format(*colour)


def _ramp(layer: Layer) -> str:
    """Colour stops of a map from its first tinted value on, for a CSS gradient."""
    return ", ".join(_css(c) for c in colour_table(layer)[40::43, :3].tolist())


def shown_layer(row: PredictionLine) -> str:
    """The map that a film opens with: infection, or opacity where nothing else is to be seen."""
    if not row.get("infected_fraction") and row.get("opacity_fraction"):
        return "opacity"
    return "infection"


def calibrated_on(row: PredictionLine) -> dict[str, str]:
    """Figure to the films that it was calibrated on, as far as the model states them."""
    stated = row.get("calibrated_on") or {}
    unknown = {*asdict(CalibratedOn()).values(), Calibration().population}
    return {k: v.rstrip(".") for k, v in stated.items() if v and v not in unknown}


def broken(row: PredictionLine) -> set[str]:
    """Figures of the quality gate that by themselves reject the film."""
    measured = {k: v for k, v in (row.get("quality") or {}).items() if isinstance(v, (int, float))}
    return {limit.name for limit in (*FILM_REJECTS, *LUNG_REJECTS) if limit.broken(measured)}


def share(value: float | None, full: float = 1.0) -> str:
    """Position on a scale from 0 to ``full`` as a CSS length."""
    return f"{100.0 * min(max((value or 0.0) / full, 0.0), 1.0):.2f}%"


def data_uri(picture: bytes) -> str:
    """A JPEG or PNG file as a URI that holds it."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
