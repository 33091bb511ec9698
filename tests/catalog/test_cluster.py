"""Tests of `infmap.catalog.cluster`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infmap.catalog.ingest import ingest
from infmap.catalog.store import Catalog

MakeSource = Callable[..., Path]


def contents(catalog: Catalog) -> dict[str, Any]:
    tables = ("films", "scores", "boxes", "failures", "duplicates")
    return {t: catalog.rows(t) for t in tables} | {"pictures": catalog.pictures().tobytes()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray Data warns of itself
def test_a_two_node_cluster_finds_what_one_machine_finds(
    make_cohen: MakeSource, tmp_path: Path, two_machines: str
) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'infmap[scale]'")
    root = make_cohen(40)
    (root / "images/f005.png").write_bytes(b"not a film")
    here, there = Catalog(tmp_path / "here"), Catalog(tmp_path / "there")
    ingest(here, {"cohen": root})
    ingest(there, {"cohen": root}, on="ray")
    assert contents(there) == contents(here)
