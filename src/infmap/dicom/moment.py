"""Dates and times of derived objects: handed in or the film's, never the clock's.

The same film then gives the same bytes at any time, which a PACS takes for a resend and not for
another object of the same UID.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING

from infmap.dicom.elements import values
from infmap.dicom.values import repaired

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UNKNOWN = datetime(1900, 1, 1)
"""Of objects of a film without any date: no film is that old, and the elements must not be empty
(type 1)."""
# What is nearest to the making of the pixels comes first.
_OF_FILM = ("Content", "Acquisition", "Series", "Study")
_OF_OBJECT = (
    ("InstanceCreationDate", "InstanceCreationTime"),
    ("ContentDate", "ContentTime"),
    ("PresentationCreationDate", "PresentationCreationTime"),
    ("DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
)


def film_moment(source: Dataset) -> datetime:
    """When a film was made, as far as its header tells.

    Args:
        source: the film, with or without pixels.

    Returns:
        The first valid one of content, acquisition, series and study date, with its time where
        that is valid too; ``UNKNOWN`` without any. In the film's local time.
    """
    return next((found for found in (_of(source, kind) for kind in _OF_FILM) if found), UNKNOWN)


def study_moment(source: Dataset) -> datetime:
    """When a film's study began, as ``film_moment``, by the study date alone."""
    return _of(source, "Study") or UNKNOWN


def _of(source: Dataset, kind: str) -> datetime | None:
    day = repaired("DA", _first(source, f"{kind}Date"))
    if not day:
        return None
    clock = repaired("TM", _first(source, f"{kind}Time")) or ""
    return datetime.combine(date.fromisoformat(day), _time(clock))


def stamp(made: Dataset, moment: datetime) -> None:
    """Overwrite each date and time of making that an object has, in place.

    Args:
        made: the object.
        moment: in local time; fractions of a second are dropped.
    """
    for day, clock in _OF_OBJECT:
        if day in made:
            setattr(made, day, f"{moment:%Y%m%d}")
        if clock in made:
            setattr(made, clock, f"{moment:%H%M%S}")
    # highdicom names itself there, with the time of writing.
    for item in made.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{moment:%Y%m%d%H%M%S}"


def _first(source: Dataset, keyword: str) -> str:
    found = values(source, keyword)
    return str(found[0]) if found else ""


def _time(clock: str) -> time:
    """Of a valid TM: hours, and minutes and seconds where it has them."""
    hour, minute, second = (int(clock[i : i + 2] or 0) for i in (0, 2, 4))
    # A leap second is written as 60, which Python has not.
    return time(hour, minute, min(second, 59))
