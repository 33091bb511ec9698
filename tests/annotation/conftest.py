"""Stations for the tests, over SQLite and over PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infmap.annotation.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from postgres_server import create_database, server  # noqa: E402
from small_station import Station  # noqa: E402

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server that runs as long as the tests; or skip."""
    with server() as address:
        yield address


@pytest.fixture
def new_database(postgres: str) -> str:
    """Address of an empty PostgreSQL database."""
    return create_database(postgres)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str | None:
    """Each database in turn, as ``Store.open`` takes it."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("new_database")
    return address


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    """An empty station."""
    store = Store.open(tmp_path / "station", url)
    yield store
    store.close()


@pytest.fixture
def station(store: Store) -> Station:
    """A station with readers, a project and small films; see ``Station``."""
    return Station(store)
