"""The table of PS3.15 E.1-1: which attribute is removed, emptied or replaced, and when.

``confidentiality.tsv`` is the table as data, one row an attribute, edition 2026c; ``types.tsv``
says which of the attributes with a compound action the classes of films require, and where.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

Action = Literal["D", "Z", "X", "K", "C", "U"]
"""PS3.15 table E.1-1a: dummy, empty, remove, keep, clean, replace the UID."""
Required = Literal["1", "2", "3"]
"""Type of an attribute in an IOD: has a value, may be empty, may lack (PS3.5 7.4)."""

_ROOM = "infmap.deidentify"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# CR, DX for presentation and processing, XA, RF, and the secondary captures.
_CLASSES = ("1", "1.1", "1.1.1", "12.1", "12.2", "7", "7.1", "7.2", "7.3", "7.4")
# The slash means "unless the class requires more", so the type picks one (PS3.15 table E.1-1a).
_COMPOUND: dict[str, dict[Required, Action]] = {
    "Z/D": {"1": "D", "2": "Z", "3": "Z"},
    "X/Z": {"1": "Z", "2": "Z", "3": "X"},
    "X/D": {"1": "D", "2": "D", "3": "X"},
    "X/Z/D": {"1": "D", "2": "Z", "3": "X"},
    "X/Z/U*": {"1": "U", "2": "U", "3": "X"},
}


@dataclass(frozen=True)
class Row:
    """One attribute of the table.

    Attributes:
        tag: eight hexadecimal capitals, "X" where any digit matches: "00100010", "60XX3000".
        keyword: of the data dictionary; "" for attributes that are newer than pydicom's.
        basic: action of the basic profile: "X", "Z/D", ...
        options: by name of an option ("dates", "device", "patient", "descriptors"): "K" or "C".
    """

    tag: str
    keyword: str
    basic: str
    options: Mapping[str, Action] = field(default_factory=dict)


@cache
def rows() -> Mapping[str, Row]:
    """All rows by ``Row.tag``."""
    found = {}
    for line in _lines("confidentiality.tsv"):
        options = dict(pair.split("=") for pair in line["options"].split())
        kept: dict[str, Action] = {name: "K" if a == "K" else "C" for name, a in options.items()}
        found[line["tag"]] = Row(line["tag"], line["keyword"], line["basic"], kept)
    return found


def row_of(tag: int) -> Row | None:
    """The row of an attribute; None where the table has none."""
    name = f"{tag:08X}"
    repeating = (f"{name[:2]}XX{name[4:]}", f"{name[:2]}XXXXXX")
    return next((rows()[key] for key in (name, *repeating) if key in rows()), None)


def required(path: tuple[str, ...], sop_class: str) -> Required:
    """Type of an attribute with a compound action.

    Args:
        path: keywords from the data set's top: sequences, then the attribute.
        sop_class: of the film.

    Returns:
        "1" for a class that is not in the data, which keeps the object valid.
    """
    suffix = sop_class.removeprefix(_STORAGE)
    if not sop_class.startswith(_STORAGE) or suffix not in _CLASSES:
        return "1"
    return _types().get((".".join(path), suffix), "3")


def action(row: Row, options: frozenset[str], path: tuple[str, ...], sop_class: str) -> Action:
    """What to do with one attribute.

    Args:
        row: of the attribute.
        options: names of the options that are on.
        path: as of ``required``.
        sop_class: of the film.
    """
    chosen = {row.options[name] for name in options if name in row.options}
    if chosen:
        # Two options may differ, as on a detector's calibration date: the one that tells less.
        return "C" if "C" in chosen else "K"
    if row.basic in _COMPOUND:
        return _COMPOUND[row.basic][required(path, sop_class)]
    return _single(row.basic)


def _single(code: str) -> Action:
    for known in ("D", "Z", "X", "K", "C", "U"):
        if code == known:
            return known
    raise ValueError(f"expected an action of PS3.15 table E.1-1a, got {code!r}")


@cache
def _types() -> Mapping[tuple[str, str], Required]:
    found: dict[tuple[str, str], Required] = {}
    for line in _lines("types.tsv"):
        for suffix in line["classes"].split():
            found[line["path"], suffix] = "1" if line["type"] == "1" else "2"
    return found


def _lines(name: str) -> list[dict[str, str]]:
    text = (files(_ROOM) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))
