"""Tests of `infmap.catalog.mask_notes`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from infmap.catalog.ingest import ingest
from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from mask_writing import infected  # noqa: E402


def test_a_source_whose_masks_are_all_empty_is_told(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    root = own([(f"{n}.png", "covid19", infected(0)) for n in range(3)])
    report = ingest(Catalog(tmp_path / "catalog"), {"folder": root})
    assert (
        "infection_mask: all 3 masks are empty; are they what you meant?"
        in (report.notes["folder"])
    )
