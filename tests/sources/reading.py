"""What the tests of single sources share: every layout, and what a source reads of one."""

from __future__ import annotations

from pathlib import Path

from layouts import LAYOUTS as LAYOUTS_A
from layouts_b import LAYOUTS as LAYOUTS_B

from infmap.sources import SOURCES, SourceRecord
from infmap.sources.source import Source

LAYOUTS = LAYOUTS_A | LAYOUTS_B
"""Source to what lays it out in a folder."""


def read(name: str, root: Path) -> dict[str, SourceRecord]:
    """Films of a source that reads without failures, by name."""
    records = list(SOURCES[name].read(root))
    found = {record.film_name: record for record in records}
    assert len(found) == len(records), "film names must be unique in a source"
    return found


def found(source: Source, root: Path) -> dict[str, SourceRecord]:
    """Films of a source by name, failures left out."""
    records = source.read(root)
    return {one.film_name: one for one in records if isinstance(one, SourceRecord)}


def classes(record: SourceRecord) -> tuple[bool | None, bool | None, bool | None]:
    """COVID-19, pneumonia and normal of a film."""
    return record.covid19, record.pneumonia, record.normal
