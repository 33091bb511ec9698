"""Tables as LaTeX with booktabs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from infmap.core.files import write_text
from infmap.study.records import Interval, Table

_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}


def write_latex(path: Path, table: Table) -> None:
    """Write one table: title as caption, one row per run, each figure with its interval."""
    columns = list(table["columns"])
    head = " & ".join(["Run", *(escape(text) for text in table["columns"].values())])
    body = [
        " & ".join([escape(row["name"]), *(cell(row["figures"].get(key)) for key in columns)])
        for row in table["rows"]
    ]
    lines = [
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        f"\\caption{{{escape(table['title'])}; 95\\,\\% intervals in brackets. "
        "Research use only.}",
        f"\\begin{{tabular}}{{l{'r' * len(columns)}}}",
        "\\toprule",
        f"{head} \\\\",
        "\\midrule",
        *(f"{line} \\\\" for line in body),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    write_text(path, "\n".join(lines) + "\n")


def latex_text(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text: title as caption, headings, a line a row."""
    lines = [" & ".join(map(escape, line)) + r" \\" for line in (head, *rows)]
    body = ["\\toprule", lines[0], "\\midrule", *lines[1:], "\\bottomrule"]
    begin = ["% \\usepackage{booktabs}", "\\begin{table}",
             f"\\caption{{{escape(title)} Research use only.}}",
             f"\\begin{{tabular}}{{{'l' * len(head)}}}"]  # fmt: skip
    return "\n".join([*begin, *body, "\\end{tabular}", "\\end{table}", ""])


def cell(figure: Interval | None) -> str:
    """A figure and its interval."""
    if figure is None:
        return "--"
    found = (figure.get("value"), figure.get("low"), figure.get("high"))
    value, low, high = (math.nan if v is None else float(v) for v in found)
    if math.isnan(value):
        return "--"
    return f"{value:.3f}" if math.isnan(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def escape(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(_SPECIAL.get(character, character) for character in text)
