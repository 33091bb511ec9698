"""Servers for the tests of the node, over SQLite and over PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("sqlalchemy")

sys.path.insert(0, str(Path(__file__).parent))
from small_node import store  # noqa: E402, F401
