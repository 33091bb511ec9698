"""Values that stand where the profile asks for one and the film's own may not stay."""

from __future__ import annotations

import re
from datetime import date, timedelta

TEXT = "REMOVED"
"""Fits every text, name and code of DICOM."""
_TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT")
_NUMBERS = ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")
_PLAIN: dict[str, str] = {
    "AS": "000Y",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "TM": "000000",
    # RFC 2606: a name that never leads anywhere.
    "UR": "http://removed.invalid",
}
_DATE_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(.*)", re.ASCII | re.DOTALL)
# PS3.5 6.2: hour, minute, second, fraction, and the distance from UTC.
_CLOCK = re.compile(r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?([+-]\d{4})?", re.ASCII)


def dummy(vr: str) -> str | int | bytes:
    """A value that says nothing, of a value representation other than SQ and UI."""
    if vr in _TEXT_VRS:
        return TEXT
    if vr in _PLAIN:
        return _PLAIN[vr]
    return 0 if vr in _NUMBERS else b"\0\0"


def moved(vr: str, value: str, days: int) -> str | None:
    """A date or date with time, moved; its precision stays.

    Args:
        vr: "DA" or "DT".
        value: as stored; the old form of a date with points is read as well (PS3.5 6.2).
        days: to move by.

    Returns:
        None where the value is no date.
    """
    text = value.strip(" \0")
    if vr == "DA":
        text = re.sub(r"^(\d{4})\.(\d{2})\.(\d{2})$", r"\1\2\3", text)
    found = _DATE_TIME.fullmatch(text)
    if not found or (vr == "DA" and len(text) != 8) or not is_clock(found[4]):
        return None
    year, month, day, rest = found.groups()
    try:
        there = date(int(year), int(month or 1), int(day or 1)) + timedelta(days)
    except (ValueError, OverflowError):
        return None
    whole = f"{there.year:04d}{there.month:02d}{there.day:02d}"
    return whole[: 4 + 2 * (month is not None) + 2 * (day is not None)] + rest


def is_clock(value: str) -> bool:
    """Whether it is the time of a TM or DT, and nothing else."""
    return _CLOCK.fullmatch(value.strip(" \0")) is not None
