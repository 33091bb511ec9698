"""Snapshots: what training and benchmark read, fixed once written."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infmap.catalog.store import Catalog, Row, read_frame, write_frame
from infmap.core.errors import SnapshotError

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
CATALOG_ROOT = "@catalog"


def write_snapshot(catalog: Catalog, out: Path) -> dict[str, Any]:
    """Write films.parquet, scores.parquet and snapshot.json.

    Returns:
        What snapshot.json holds.

    Raises:
        SnapshotError: no films, or films without cluster or fold.
    """
    films = catalog.films()
    for column, verb in (("cluster_id", "dedup"), ("fold", "split")):
        if any(film[column] is None for film in films):
            raise SnapshotError(
                f"{catalog.folder}: films without {column}; run infmap catalog {verb} first"
            )
    write_frame(catalog.frame("films"), out / "films.parquet")
    write_frame(catalog.frame("scores"), out / "scores.parquet")
    about = {
        "version": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "films": len(films),
        "sha256": _sha256(out / "films.parquet"),
        "catalog": str(catalog.folder.resolve()),
        "roots": catalog.roots,
    }
    (out / "snapshot.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return about


def read_snapshot(folder: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Films of a snapshot, and where their files lie.

    Returns:
        One row a film; and source to its absolute folder, "@catalog" to that of derived masks.

    Raises:
        SnapshotError: the snapshot is missing, damaged, changed, or of another version.
    """
    about = _about(folder)
    path = folder / "films.parquet"
    if not path.is_file() or _sha256(path) != about["sha256"]:
        raise SnapshotError(f"{path}: missing, or not as it was written; write the snapshot again")
    roots = {str(k): str(v) for k, v in about["roots"].items()}
    return read_frame("films", path), roots | {CATALOG_ROOT: str(about["catalog"])}


def read_scores(folder: Path) -> list[Row]:
    """Readings of a snapshot's films: film_id, name, reader, value.

    Raises:
        SnapshotError: the snapshot is missing or damaged.
    """
    _about(folder)
    path = folder / "scores.parquet"
    return read_frame("scores", path).to_dicts() if path.exists() else []


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "snapshot.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["version"]
        complete = all(name in about for name in ("sha256", "catalog", "roots"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"{folder}: expected a snapshot; write one with infmap catalog snapshot"
        ) from error
    if version != VERSION or not complete:
        raise SnapshotError(f"{path}: expected a whole snapshot of version {VERSION}")
    return dict(about)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
