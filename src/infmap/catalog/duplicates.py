"""Duplicates of a catalog's films: found by ``infmap.dedup``, kept in its tables."""

from __future__ import annotations

from infmap.catalog.rows import DuplicatePair, pair_rows
from infmap.catalog.store import Catalog, make_frame
from infmap.dedup.duplicates import Progress, copies, duplicate_groups, exact, with_verdicts


def deduplicate(catalog: Catalog, progress: Progress | None = None) -> list[DuplicatePair]:
    """Find duplicates and give each film its ``duplicate_group``; splits stay as they are.

    Args:
        catalog: where the films are.
        progress: called with pairs compared and candidate pairs in all.

    Returns:
        Rows of ``duplicates``. ``kind`` is "bytes" (the same file), "pixels" (another file of the
        same pixels) or "copy", the latter with "+inverted" and "+mirrored" where one film is the
        negative or the mirror image of the other; ``score`` is the correlation of fine structure,
        1 where pixels are the same; ``verdict`` is what a person said, or None.

    Raises:
        SnapshotError: nothing was ingested yet, or another process is writing.
        MissingExtra: faiss or OpenCV is not installed.
    """
    with catalog.lock():
        films = catalog.film_frame()
        columns = films.select("film_id", "bytes_hash", "pixel_hash").to_dicts()
        same, apart = exact(columns)
        found = same + copies(
            [row["film_id"] for row in columns], catalog.pictures(), apart, progress
        )
        names = [row["film_id"] for row in columns]
        rows = with_verdicts(found, pair_rows(catalog.frame("duplicates")), set(names))
        clusters = duplicate_groups(names, rows)
        column = make_frame("films", [{"duplicate_group": clusters[name]} for name in names])
        catalog.commit(
            {
                "films": films.with_columns(column["duplicate_group"]),
                "duplicates": make_frame("duplicates", rows),
            }
        )
    return rows
