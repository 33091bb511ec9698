"""Servers for the tests of the node, over SQLite and over PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("sqlalchemy")

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from peers import close_sockets  # noqa: E402
from small_node import store  # noqa: E402, F401

# Without peers: a collection of everything costs a quarter of a second a test.
LOCAL = ("films", "outbox", "patience", "planning", "receiving", "repeated", "rules", "sending")


@pytest.fixture(autouse=True)
def sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test's peers dropped is collected in it, and not in another one."""
    yield
    if request.path.stem.removeprefix("test_") not in LOCAL:
        close_sockets()
