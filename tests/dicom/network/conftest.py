"""What peers of these tests dropped is collected in the test itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")

sys.path.insert(0, str(Path(__file__).parent))
from peers import close_sockets  # noqa: E402


@pytest.fixture(autouse=True)
def sockets() -> Iterator[None]:
    yield
    close_sockets()
