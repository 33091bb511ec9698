"""What a run reads of a snapshot: rows of films, and radiologists' scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from infmap.catalog.rows import Film, film_rows
from infmap.catalog.snapshot import read_scores, read_snapshot
from infmap.catalog.store import locate
from infmap.core.errors import SnapshotError

EXTENT = "geographic_extent"
"""Name of the score that severity is calibrated on."""


def read_extents(snapshot: Path) -> dict[str, float]:
    """Radiologists' geographic extent, 0 to 8, by film_id: the mean where several read a film."""
    read: dict[str, list[float]] = {}
    for row in read_scores(snapshot):
        if row["name"] == EXTENT:
            read.setdefault(row["film_id"], []).append(row["value"])
    return {film_id: sum(values) / len(values) for film_id, values in read.items()}


def read_rows(snapshot: Path) -> tuple[list[Film], Callable[[Film, str], Path]]:
    """Rows of a snapshot, and how a row and one of its paths become a file.

    Raises:
        SnapshotError: the snapshot is missing or damaged.
    """
    frame, roots = read_snapshot(snapshot)
    missing = set(frame["source"]) - set(roots)
    if missing:
        raise SnapshotError(f"{snapshot}: no folder for source {min(missing)}")
    return film_rows(frame), partial(locate, roots)
