"""What a run removed and kept, film by film, without a value of it: JSON, and a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import jinja2

from infmap import __version__
from infmap.core.files import write_json, write_text
from infmap.deidentify.boxes import Box
from infmap.deidentify.options import Options

Status = Literal["ok", "held", "failed"]
Confirmed = Literal["person", "program"]


@dataclass(frozen=True)
class FilmReport:
    """One film of a run.

    Attributes:
        number: of the film among those given, from 1; its own name may tell whose it is.
        status: "ok": written; "held": not written, for a person has to look at it; "failed": not
            written.
        reason: why it is not written.
        file: where it is, below the folder for results.
        elements: by what happened ("removed", ...), keywords with their count.
        private: private elements that were removed.
        found: boxes that may be burned-in text; None where it was not looked for.
        blanked: boxes that were painted, in stored pixels.
        confirmed: who decided on the boxes.
    """

    number: int
    status: Status
    reason: str | None = None
    file: str | None = None
    elements: dict[str, dict[str, int]] = field(default_factory=dict)
    private: int = 0
    found: int | None = None
    blanked: tuple[Box, ...] = ()
    confirmed: Confirmed | None = None


def write_report(folder: Path, options: Options, films: Sequence[FilmReport]) -> None:
    """Write ``report.json`` and ``report.html``.

    Args:
        folder: for results.
        options: of the run.
        films: in the order given.
    """
    counts = Counter(film.status for film in films)
    codes = [{"code": code, "meaning": meaning} for code, meaning in options.codes]
    content = {
        "version": __version__,
        "profile": codes,
        "films": [asdict(film) for film in films],
        "counts": dict(counts),
    }
    write_json(folder / "report.json", content)
    loader = jinja2.PackageLoader("infmap.deidentify", "")
    page = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(
        "report.html.j2"
    )
    text = page.render(films=films, codes=codes, counts=counts, version=__version__)
    write_text(folder / "report.html", text)
