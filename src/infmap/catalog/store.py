"""The catalog's folder: tables that change together or not at all, and one writer at a time.

```
catalog.json              what counts: tables with their files and checksums, and the sources
tables/films-000003.parquet, ...
tables/pictures-000003.npy
masks/SOURCE/...          masks that were derived from drawn regions
pending/                  films measured by an ingest that was stopped
```

A commit writes new files, then replaces catalog.json. Whatever it does not name does not count, so
a process killed at any moment leaves the catalog as it was before or as it is after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.manifests import CatalogManifest, TableEntry, as_manifest, version_in
from infmap.catalog.renamed import current_film_id, current_source
from infmap.catalog.rows import Film, film_rows
from infmap.catalog.schema import (
    COLUMNS,
    VERSION,
    conform,
    make_frame,
    polars,
    read_frame,
    write_frame,
)
from infmap.compute.lock import LOCK, Busy, hold
from infmap.core.errors import SnapshotError
from infmap.core.files import read_json_object, sha256, write_json
from infmap.dedup.thumbnails import SIDE

if TYPE_CHECKING:
    import polars as pl

CATALOG_ROOT = "@catalog"
PICTURES = "pictures"

__all__ = ["CATALOG_ROOT", "Catalog", "locate", "make_frame", "read_frame", "write_frame"]


class Catalog:
    """A folder of tables.

    Args:
        folder: made by the first commit. One of an older version is rewritten when it is opened.

    Raises:
        SnapshotError: the folder holds a damaged catalog, or one of a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._locked = 0
        if self.manifest["version"] < VERSION:
            _upgrade(self)

    @property
    def manifest(self) -> CatalogManifest:
        """What catalog.json holds.

        Raises:
            SnapshotError: it is damaged, or of a newer version.
        """
        path = self.folder / "catalog.json"
        try:
            data = read_json_object(path)
            version = version_in(data)
            if version == 1:
                # That version kept nothing but its roots here; `_upgrade` fills in the rest.
                data |= {"generation": 0, "tables": {}, "sources": {}, "settings": {}}
            if version <= VERSION:
                return as_manifest(data)
        except FileNotFoundError:
            return _empty()
        except (OSError, ValueError) as error:
            raise SnapshotError(f"{path}: damaged; ingest into a new folder") from error
        raise SnapshotError(
            f"{path}: expected version {VERSION} or older, got {version}; "
            "use the infmap that wrote it"
        )

    @property
    def roots(self) -> dict[str, str]:
        """Source to its absolute folder."""
        return dict(self.manifest["roots"])

    @property
    def sources(self) -> dict[str, list[str]]:
        """Source to what its check had to say when it was ingested."""
        return dict(self.manifest["sources"])

    @property
    def settings(self) -> dict[str, Mapping[str, object]]:
        """Step to the settings it was last done with."""
        return dict(self.manifest["settings"])

    def path(self, table: str) -> Path | None:
        """File of a table as last committed; None if it was never written."""
        entry = self.manifest["tables"].get(table)
        return self.folder / "tables" / entry["file"] if entry else None

    def frame(self, table: str) -> pl.DataFrame:
        """A table as a polars frame; without rows if it was never written.

        Raises:
            SnapshotError: the file is damaged or lacks a column.
        """
        path = self.path(table)
        return read_frame(table, path) if path else make_frame(table, [])

    def rows(self, table: str) -> list[dict[str, object]]:
        """All rows of a table; none if it was never written."""
        return self.frame(table).to_dicts()

    def films(self) -> list[Film]:
        """Rows of the films, in the order of their names.

        Raises:
            SnapshotError: nothing was ingested yet.
        """
        return film_rows(self.film_frame())

    def film_frame(self) -> pl.DataFrame:
        """The films as a frame, in the order of their names.

        Raises:
            SnapshotError: nothing was ingested yet.
        """
        frame = self.frame("films")
        if frame.is_empty():
            raise SnapshotError(
                f"{self.folder}: expected a catalog with films; run infmap catalog ingest first"
            )
        return frame

    def pictures(self) -> NDArray[np.uint8]:
        """Thumbnails, mapped from disk: uint8 (N, 64, 64), one a film, in the films' order.

        Raises:
            SnapshotError: the file is missing or does not fit the films.
        """
        path, films = self.path(PICTURES), self.manifest["tables"].get("films")
        try:
            found = np.load(path, mmap_mode="r") if path else np.zeros((0, SIDE, SIDE), np.uint8)
        except (OSError, ValueError) as error:
            raise SnapshotError(f"{path}: damaged or missing; ingest again") from error
        # Thumbnails are found by their place: one too few would give every later film another's
        # picture.
        if found.shape != (films["rows"] if films else 0, SIDE, SIDE) or found.dtype != np.uint8:
            raise SnapshotError(f"{path}: expected one picture a film; ingest again")
        return found

    def places(self, manifest: CatalogManifest | None = None) -> dict[str, str]:
        """Source to its absolute folder, and "@catalog" to the catalog's, as ``locate`` takes them.

        Args:
            manifest: of the commit that counts; the last where None.
        """
        return dict((manifest or self.manifest)["roots"]) | {
            CATALOG_ROOT: str(self.folder.resolve())
        }

    def resolve(self, row: Mapping[str, object], path: str) -> Path:
        """Where a film or mask of a row lies; for many, ``locate`` with ``places`` reads less."""
        return locate(self.places(), row, path)

    def write(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Replace one table by rows."""
        self.commit({table: make_frame(table, rows)})

    def commit(
        self,
        tables: Mapping[str, pl.DataFrame],
        *,
        pictures: NDArray[np.uint8] | Path | None = None,
        roots: Mapping[str, str] | None = None,
        sources: Mapping[str, list[str]] | None = None,
        settings: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Replace several tables at once, or none.

        Args:
            tables: table to its new rows; others stay.
            pictures: uint8 (N, 64, 64) in the order of the films, where these change; or a file of
                them, ".npy" and on this disk, which is moved here.
            roots: source to its absolute folder.
            sources: source to what its check says.
            settings: step to the settings it was done with, added to those of other steps.

        Raises:
            SnapshotError: another process is writing.
            OSError: the disk is full or not writable; the catalog is as it was.
        """
        with self.lock():
            old = self.manifest
            generation = old["generation"] + 1
            entries = dict(old["tables"])
            for table, frame in tables.items():
                path = self.folder / "tables" / f"{table}-{generation:06d}.parquet"
                write_frame(conform(table, frame), path)
                entries[table] = _entry(path, len(frame))
            if pictures is not None:
                path = self.folder / "tables" / f"{PICTURES}-{generation:06d}.npy"
                if isinstance(pictures, Path):
                    pictures.replace(path)
                else:
                    np.save(path, pictures)
                entries[PICTURES] = _entry(path, len(np.load(path, mmap_mode="r")))
            new: CatalogManifest = {
                "version": VERSION,
                "generation": generation,
                "tables": entries,
                "roots": dict(sorted((roots if roots is not None else old["roots"]).items())),
                "sources": dict(sources if sources is not None else old["sources"]),
                "settings": old["settings"] | dict(settings or {}),
            }
            write_json(self.folder / "catalog.json", new, durable=True)
            self._sweep(old, new)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer; the system lets go of it when the process dies.

        Raises:
            SnapshotError: another process is writing.
        """
        if self._locked:
            self._locked += 1
            try:
                yield
            finally:
                self._locked -= 1
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(hold(self.folder / LOCK))
            except Busy as error:
                raise SnapshotError(
                    f"{self.folder}: another process is writing to this catalog; "
                    "wait for it, or stop it"
                ) from error
            self._locked = 1
            try:
                yield
            finally:
                self._locked = 0

    def _sweep(self, old: CatalogManifest, new: CatalogManifest) -> None:
        """Remove files that neither this commit nor the last names: a reader may hold the last."""
        named = {entry["file"] for m in (old, new) for entry in m["tables"].values()}
        for path in (self.folder / "tables").iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)


def locate(roots: Mapping[str, str], row: Mapping[str, object], path: str) -> Path:
    """Where a film or mask of a row lies.

    Args:
        roots: source to its absolute folder, "@catalog" to the catalog's.
        row: of the films.
        path: relative to the source's folder, or "@catalog/..." for a derived mask.
    """
    if path.startswith(f"{CATALOG_ROOT}/"):
        return Path(roots[CATALOG_ROOT]) / path.removeprefix(f"{CATALOG_ROOT}/")
    return Path(roots[str(row["source"])]) / path


def _empty() -> CatalogManifest:
    """The manifest of a catalog before its first commit."""
    return {
        "version": VERSION,
        "generation": 0,
        "tables": {},
        "roots": {},
        "sources": {},
        "settings": {},
    }


def _entry(path: Path, rows: int) -> TableEntry:
    return {"file": path.name, "rows": rows, "sha256": sha256(path)}


def _upgrade(catalog: Catalog) -> None:
    """Rewrite a catalog of an older version."""
    with catalog.lock():
        version = catalog.manifest["version"]
        if version == 1:
            _upgrade_1(catalog)
        elif version == 2:  # else another process was first
            _upgrade_2(catalog)


def _upgrade_2(catalog: Catalog) -> None:
    """Rewrite a catalog of version 2: other names of columns and sources, so another order."""
    old = catalog.manifest
    files = {table: path for table in COLUMNS if (path := catalog.path(table))}
    tables = {table: read_frame(table, path, version=2) for table, path in files.items()}
    pictures: NDArray[np.uint8] | Path | None = None
    if "films" in tables:
        order = tables["films"]["film_id"].arg_sort().to_numpy()
        tables["films"] = tables["films"][order]
        if (order != np.arange(len(order))).any():
            pictures = catalog.folder / "pending" / "pictures.npy"
            _reorder(catalog.pictures(), order, pictures)
    if "duplicates" in tables:
        pl = polars()
        first, second = pl.min_horizontal("film_a", "film_b"), pl.max_horizontal("film_a", "film_b")
        tables["duplicates"] = tables["duplicates"].with_columns(film_a=first, film_b=second)
    catalog.commit(
        tables,
        pictures=pictures,
        roots={current_source(name): root for name, root in old["roots"].items()},
        sources={current_source(name): notes for name, notes in old["sources"].items()},
    )


def _reorder(pictures: NDArray[np.uint8], order: NDArray[np.int64], path: Path) -> None:
    """Write thumbnails in another order to a file, a block at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = np.lib.format.open_memmap(path, "w+", np.uint8, pictures.shape)
    for start in range(0, len(order), 4096):  # 4,096 thumbnails are 16 MB
        out[start : start + 4096] = pictures[order[start : start + 4096]]
    out.flush()


def _upgrade_1(catalog: Catalog) -> None:
    """Rewrite a catalog of version 1, whose tables lay in its folder, thumbnails among them."""
    folder, old_roots = catalog.folder, catalog.roots
    roots = {current_source(name): root for name, root in old_roots.items()}
    olds = {t: folder / f"{t}.parquet" for t in COLUMNS if (folder / f"{t}.parquet").exists()}
    tables = {table: read_frame(table, path, version=1) for table, path in olds.items()}
    pictures = np.zeros((0, SIDE, SIDE), np.uint8)
    thumbs = folder / "thumbnails.parquet"
    if "films" in tables:
        tables["films"] = films = tables["films"].sort("film_id")
        try:
            found = dict(_thumbnails(thumbs))
            planes = [np.frombuffer(found[name], np.uint8) for name in films["film_id"]]
            pictures = np.stack(planes).reshape(-1, SIDE, SIDE) if planes else pictures
        except (KeyError, ValueError) as error:
            raise SnapshotError(f"{thumbs}: damaged; ingest into a new folder") from error
    catalog.commit(tables, pictures=pictures, roots=roots)
    for path in [*olds.values(), thumbs]:
        path.unlink(missing_ok=True)


def _thumbnails(path: Path) -> Iterator[tuple[str, bytes]]:
    module = polars()
    try:
        frame = module.read_parquet(path, glob=False)
        yield from zip(map(current_film_id, frame["film_id"]), frame["thumbnail"], strict=True)
    except (OSError, module.exceptions.PolarsError) as error:
        raise SnapshotError(f"{path}: damaged; ingest into a new folder") from error
