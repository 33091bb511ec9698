"""Tests of `infmap.catalog.pending`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infmap.catalog import pending
from infmap.catalog.ingest import ingest
from infmap.catalog.store import Catalog

MakeSource = Callable[..., Path]


def test_parts_of_a_stopped_ingest_are_used_and_damaged_ones_are_not(
    make_cohen: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, catalog = make_cohen(12), Catalog(tmp_path / "catalog")
    monkeypatch.setattr(pending, "FILMS", 4)
    monkeypatch.setattr("infmap.catalog.ingest.CHUNK", 4)
    monkeypatch.setattr(Catalog, "commit", _stopped)
    with pytest.raises(KeyboardInterrupt):
        ingest(catalog, {"cohen": root})
    monkeypatch.undo()
    parts = sorted((catalog.folder / "pending").glob("*.parquet"))
    assert len(parts) == 3
    parts[1].write_bytes(b"half")
    assert ingest(catalog, {"cohen": root}).measured == 4
    assert len(catalog.films()) == 12


def _stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
