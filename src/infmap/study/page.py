"""The tables of a study in a page of the documentation, between two marks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.core.files import write_text
from infmap.study.pages import TextTable
from infmap.study.study import Study

BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
"""Marks, each on its own line."""
ON_PAGE = {
    "missing": (),
    "networks": ("overview", "involvement"),
    "seeds": (),
    "cost": ("frontier",),
    "detection": ("reliability",),
    "left-out": (),
    "activation": ("gaps",),
    "gaps": (),
    "against-best": (),
    "published": (),
}
"""Tables of the page, in order, and the pictures after each; the longer ones are files alone."""
PICTURES = {
    "overview": "Networks with 95 % intervals",
    "frontier": "Pooled F1 over milliseconds per film",
    "involvement": "Bland-Altman plot of lung involvement, best network",
    "reliability": "Observed share of COVID-19 over the probability given",
    "gaps": "Pooled F1 of activation maps and of infection maps",
}


def page_text(study: Study, texts: Sequence[TextTable], pictures: str) -> str:
    """The tables in Markdown, with links to the pictures of the report that are there.

    Args:
        study: a study's folder, or one that ``collect_study`` made.
        texts: its ``paper_tables``.
        pictures: folder of the report as the page links to it.
    """
    tables = {table.name: table for table in texts}
    parts = []
    for name, names in ON_PAGE.items():
        if name not in tables:
            continue
        parts.append(tables[name].markdown())
        parts += [
            f"![{PICTURES[picture]}]({pictures}/{picture}.svg)"
            for picture in names
            if (study.folder / "report" / f"{picture}.svg").exists()
        ]
    longer = [f"[{t.title.rstrip('.')}]({pictures}/paper-{name}.csv)"
              for name, t in tables.items() if name not in ON_PAGE]  # fmt: skip
    if longer:
        parts.append("As files: " + "; ".join(longer) + ".")
    return "\n\n".join(parts)


def write_page(study: Study, texts: Sequence[TextTable], page: Path) -> None:
    """Replace what stands between the marks of a page by ``page_text``.

    Raises:
        UsageError: the page cannot be read, or has no marks.
    """
    try:
        whole = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{page}: cannot be read ({error.strerror})") from error
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{page}: expected the marks {BEGIN} and {END}, each on its own line")
    write_text(
        page, f"{head}{BEGIN}\n\n{page_text(study, texts, link(study, page))}\n\n{END}{tail}"
    )


def link(study: Study, page: Path) -> str:
    """The study's report as a page links to it."""
    report = (study.folder / "report").resolve()
    return Path(os.path.relpath(report, page.resolve().parent)).as_posix()
