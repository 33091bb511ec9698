"""Stations for the tests, over SQLite and over PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infmap.annotation.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, new_store  # noqa: E402


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    """An empty station."""
    store = new_store(tmp_path / "station", url)
    yield store
    store.close()


@pytest.fixture
def station(store: Store) -> Station:
    """A station with readers, a project and small films; see ``Station``."""
    return Station(store)
