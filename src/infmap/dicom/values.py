"""Values of DICOM's text value representations (PS3.5 6.2): checked, and repaired where safe.

Safe is what changes the spelling and not the meaning: padding, a date with separators, a decimal
comma, letter case. Nothing is guessed, and an identifier or a name is never cut: a cut one would
be another's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date

LONGEST = {"AE": 16, "CS": 16, "LO": 64, "SH": 16, "ST": 1024, "LT": 10240, "UI": 64}
"""Most characters of a value."""

PARAGRAPHS = ("ST", "LT", "UT")
"""Texts of several lines, in which a backslash separates nothing."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_PARAGRAPH = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
# PS3.5 6.2.1: three representations of five components, each representation of 64 characters.
_NAME_GROUPS, _NAME_PARTS, _NAME_LONGEST = 3, 5, 64
_DATE = re.compile(r"(\d{4})([-./]?)(\d{2})\2(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d+)?)?)?", re.ASCII)
_AGE = re.compile(r"(\d{1,3})([DWMY])", re.ASCII)
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
_INTEGER = re.compile(r"([+-]?\d+)(\.0*)?", re.ASCII)


def repaired(vr: str, value: str) -> str | None:
    """One value as its representation has it.

    Args:
        vr: value representation of a text: "LO", "DA", ...
        value: decoded, one value.

    Returns:
        The value, as it is where it is valid, else repaired; "" for nothing but padding; None
        where it cannot be repaired.
    """
    text = value.strip(" \0")
    if not text:
        return ""
    if vr in _REPAIRS:
        return _REPAIRS[vr](text)
    control = _CONTROL_IN_PARAGRAPH if vr in PARAGRAPHS else _CONTROL
    if control.search(text) or len(text) > LONGEST.get(vr, len(text)):
        return None
    return text


def shortened(vr: str, value: str) -> str:
    """A free text, not an identifier: control characters become spaces, what is too long is cut."""
    text = " ".join(_CONTROL.sub(" ", value).split())
    return text[: LONGEST.get(vr, len(text))].strip()


def _age(text: str) -> str | None:
    found = _AGE.fullmatch(text.upper())
    return f"{int(found[1]):03d}{found[2]}" if found else None


def _code(text: str) -> str | None:
    upper = text.upper()
    return upper if re.fullmatch(r"[A-Z0-9 _]{1,16}", upper) else None


def _date(text: str) -> str | None:
    """Year first in any case, so that day and month cannot be mistaken for each other."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    try:
        date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    return found[1] + found[3] + found[4]


def _time(text: str) -> str | None:
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) > 23:
        return None
    hour, minute, second, fraction = found.groups("")
    # A point and six digits of a second, the most that TM has.
    return hour + minute + second + fraction[:7].rstrip(".")


def _decimal(text: str) -> str | None:
    # Three decimals after a comma may as well be thousands.
    point = re.sub(r"^([+-]?\d+),(\d{1,2}|\d{4,})$", r"\1.\2", text)
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", point, re.ASCII):
        return None
    number = float(point)
    if not math.isfinite(number):
        return None
    # DS holds 16 characters; nine digits are more than any measured value here has.
    return point if len(point) <= 16 else f"{number:.9g}"


def _integer(text: str) -> str | None:
    found = _INTEGER.fullmatch(text)
    if not found or not -(2**31) <= int(found[1]) < 2**31:
        return None
    # IS holds 12 characters; leading zeros are what makes it longer.
    return found[1] if len(found[1]) <= 12 else str(int(found[1]))


def _name(text: str) -> str | None:
    groups = [group.strip() for group in text.split("=")]
    while groups and not groups[-1].strip("^ "):
        groups.pop()
    fits = all(len(g) <= _NAME_LONGEST and g.count("^") < _NAME_PARTS for g in groups)
    if len(groups) > _NAME_GROUPS or not fits or _CONTROL.search(text):
        return None
    return "=".join(groups)


def _uid(text: str) -> str | None:
    return text if len(text) <= LONGEST["UI"] and _UID.fullmatch(text) else None


_REPAIRS: dict[str, Callable[[str], str | None]] = {
    "AS": _age,
    "CS": _code,
    "DA": _date,
    "DS": _decimal,
    "IS": _integer,
    "PN": _name,
    "TM": _time,
    "UI": _uid,
}
