"""Check a catalog: each file that it names is there, as it was written, and fits the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.catalog.mask_files import film_mask
from infmap.catalog.measure import checksum
from infmap.catalog.schema import COLUMNS, MASKS, PIXELS, polars
from infmap.catalog.store import PICTURES, Catalog, locate
from infmap.core.errors import SnapshotError, UnreadableFilm
from infmap.core.files import sha256

if TYPE_CHECKING:
    import polars as pl

# Findings of a kind that are spelled out: more would hide the other kinds. Chosen by hand.
MOST = 20


def verify(
    catalog: Catalog,
    deep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Check a catalog; nothing is changed.

    Args:
        catalog: to check.
        deep: also read every film's file and compare its checksum, read and count its masks, and
            name those that ingest could not read.
        progress: called with films checked and films in all.

    Returns:
        One line a finding, at most ``MOST`` of a kind and then their number; none if all is well.

    Raises:
        SnapshotError: there is no catalog, or its manifest is damaged.
    """
    if not catalog.manifest["tables"]:
        raise SnapshotError(f"{catalog.folder}: expected a catalog; run infmap catalog ingest")
    findings = list(_tables(catalog))
    # Tables that are damaged would only give findings that follow from it.
    if findings:
        return findings
    films = catalog.frame("films")
    findings += _short(_references(catalog, films))
    findings += _short(_files(catalog, films, deep, progress))
    return findings + (_short(_lost(catalog)) if deep else [])


def _tables(catalog: Catalog) -> Iterator[str]:
    """Table files that are missing, changed, or of another length than the manifest says."""
    for table, entry in catalog.manifest["tables"].items():
        path = catalog.folder / "tables" / entry["file"]
        if not path.is_file():
            yield f"{path}: missing; ingest again"
        elif sha256(path) != entry["sha256"]:
            yield f"{path}: not as it was written; ingest again"
        elif table in COLUMNS and len(catalog.frame(table)) != entry["rows"]:
            yield f"{path}: expected {entry['rows']} rows; ingest again"
    try:
        if PICTURES in catalog.manifest["tables"]:
            catalog.pictures()
    except SnapshotError as error:
        yield str(error)


def _references(catalog: Catalog, films: pl.DataFrame) -> Iterator[str]:
    """Rows that name a film or source that is not there, and names that come twice."""
    for film_id in films.filter(films["film_id"].is_duplicated())["film_id"].unique():
        yield f"films: {film_id} comes more than once"
    for source in set(films["source"]) - set(catalog.roots):
        yield f"films: the source {source} has no folder"
    for table, column in (
        ("duplicates", "film_a"),
        ("duplicates", "film_b"),
        ("scores", "film_id"),
        ("boxes", "film_id"),
    ):
        frame = catalog.frame(table)
        lost = frame.join(films, left_on=column, right_on="film_id", how="anti")
        for film_id in lost[column].unique().sort():
            yield f"{table}: {film_id} is not in films"
    known = polars().col("duplicate_group").drop_nulls()
    for cluster in set(films.select(known)["duplicate_group"]) - set(films["film_id"]):
        yield f"films: the cluster {cluster} is named after no film"


def _files(
    catalog: Catalog,
    films: pl.DataFrame,
    deep: bool,
    progress: Callable[[int, int], None] | None,
) -> Iterator[str]:
    """Films and masks that are not on disk as they were."""
    places = catalog.places()
    columns = ["source", "path", "width", "height", "size", "bytes_hash", *MASKS, *PIXELS]
    for done, row in enumerate(films.select(columns).iter_rows(named=True), 1):
        path = locate(places, row, row["path"])
        if not path.is_file():
            yield f"{path}: the film is missing"
        elif row["size"] is not None and path.stat().st_size != row["size"]:
            yield f"{path}: changed since it was ingested; ingest again"
        elif deep and checksum(path.read_bytes()) != row["bytes_hash"]:
            yield f"{path}: not the film that was ingested; ingest again"
        masks = {row[name]: row[pixels] for name, pixels in zip(MASKS, PIXELS) if row[name]}
        for mask, pixels in masks.items():
            if not (there := locate(places, row, mask)).is_file():
                yield f"{there}: the mask is missing"
            elif deep:
                yield from _mask(there, (row["height"], row["width"]), pixels, path)
        if progress:
            progress(done, len(films))


def _mask(path: Path, shape: tuple[int, int], pixels: int | None, film: Path) -> Iterator[str]:
    """Whether a mask can be read and has the pixels, of its film's (H, W), that it had."""
    try:
        found = int(film_mask(path, shape, film)[0].sum())
    except UnreadableFilm as error:
        yield f"{path}: {error.reason}"
    except OSError as error:
        yield f"{film}: {error.strerror}"
    else:
        if pixels is not None and found != pixels:
            yield f"{path}: expected {pixels} pixels of foreground, got {found}; ingest again"


def _lost(catalog: Catalog) -> Iterator[str]:
    """Masks that ingest could not read, of films that are in."""
    failures = catalog.frame("failures").drop_nulls("film_id")
    for path, reason in failures.select("path", "reason").iter_rows():
        yield f"{path}: {reason}"


def _short(findings: Iterator[str]) -> list[str]:
    """The first findings, and how many more there are."""
    found = list(findings)
    more = [f"... and {len(found) - MOST} more"] if len(found) > MOST else []
    return found[:MOST] + more
