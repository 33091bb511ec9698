"""Tests of `infmap.audit.counts`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.audit.counts import tables

sys.path.insert(0, str(Path(__file__).parent))
from rows import row  # noqa: E402


def test_tables_count_every_film_once() -> None:
    films = [row("a", n, age=age, covid19=n == 0, pneumonia=True, normal=False)
             for n, age in enumerate([3.0, 45.0, None, 101.0])]  # fmt: skip
    for table in tables(films):
        assert sum(map(sum, table.values.values())) == len(films)
        assert table.values and sum(v[0] for v in table.values.values()) == 1
