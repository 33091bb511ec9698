"""Renamed sources: catalogs, models and configurations with a former name are still read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

RENAMED = {"radiologist": "general-blockchain"}
"""Former name of a source to today's."""


def current_source(name: str) -> str:
    """Today's name of a source; any other name as it is."""
    return RENAMED.get(name, name)


def current_film_id(film_id: str) -> str:
    """A film_id, SOURCE/NAME, with today's name of its source."""
    source, slash, name = film_id.partition("/")
    return current_source(source) + slash + name


SourceName = Annotated[str, AfterValidator(current_source)]
"""A source in a configuration, under its former name or today's."""
