"""Cells of CSV files that a spreadsheet opens as text, never as a formula."""

from __future__ import annotations

import re
from typing import TypeVar, overload

_FORMULA = re.compile("[=+\\-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
                      "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]")  # fmt: skip
Other = TypeVar("Other")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@overload
def cell(value: str) -> str: ...
@overload
def cell(value: Other) -> Other: ...
def cell(value: object) -> object:
    """A value as it may stand in a CSV file. Use it for every cell that is written.

    A spreadsheet runs text that starts with ``=``, ``+``, ``-``, ``@``, a tab or a line break, and
    in some languages their wide forms, as a formula, which can call programs. Such text gets an
    apostrophe before it, after OWASP's page "CSV Injection". Numbers stay, also as text.

    Args:
        value: anything; only text is changed.
    """
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return "'" + value


def cell_text(text: str) -> str:
    """The text that ``cell`` was given, from a CSV file that was written with it."""
    return text[1:] if text[:1] == "'" and cell(text[1:]) != text[1:] else text
