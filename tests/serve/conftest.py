"""Servers for the tests, over SQLite and over PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infmap.serve.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from small_server import SmallServer  # noqa: E402
from web_server import WebServer  # noqa: E402


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    """An empty server."""
    store = Store.open(tmp_path / "server", url)
    yield store
    store.close()


@pytest.fixture
def small(store: Store) -> SmallServer:
    """A server with two models and films that are no films; see ``SmallServer``."""
    return SmallServer(store)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    """The interface of a server for its own machine."""
    server = WebServer(tmp_path / "server")
    with server.client:
        yield server
    server.store.close()


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[WebServer]:
    """The interface of a server that others reach."""
    server = WebServer(tmp_path / "server", needs_key=True)
    with server.client:
        yield server
    server.store.close()
