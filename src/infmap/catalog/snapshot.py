"""Snapshots: what training and benchmark read, fixed once written.

```
films.parquet     frontal films, each with its fold, in the order of their names
scores.parquet    readings of these films
boxes.parquet     rectangles drawn on them
snapshot.json     checksums, where the films lie, and what the snapshot was made from
card.md           what a user must know of the data; croissant.json says it to machines
pack-256-field/   films and masks ready for a network, where asked for
```
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.catalog.card import write_card
from infmap.catalog.manifests import CatalogManifest, FileEntry, SnapshotAbout, as_about, version_in
from infmap.catalog.renamed import current_source
from infmap.catalog.rows import Score, score_rows
from infmap.catalog.schema import conform, make_frame, polars, read_frame
from infmap.catalog.splits import check_whole, is_lateral
from infmap.catalog.store import CATALOG_ROOT, Catalog
from infmap.core.errors import SnapshotError
from infmap.core.files import read_json_object, replacing_folder, sha256, write_json

if TYPE_CHECKING:
    import polars as pl

VERSION = 3
TABLES = ("films", "scores", "boxes")
_UNSEALED = ("modified", "drawn")
"""Columns that say when a file was touched, not what it holds."""


def write_snapshot(catalog: Catalog, out: Path) -> SnapshotAbout:
    """Write the frontal films of a catalog, all or nothing.

    Lateral films have no fold and are left out; how many is in snapshot.json. Where ``out`` is a
    snapshot of the same content already, nothing is written.

    Returns:
        What snapshot.json holds.

    Raises:
        SnapshotError: no films, films without duplicate group or fold, folds or parts that divide a
            group, or ``out`` holds something else.
    """
    tables, manifest = _read_tables(catalog)
    films = tables["films"]
    frontal = films.filter(~is_lateral())
    for name, verb in (("duplicate_group", "dedup"), ("fold", "split")):
        if missing := frontal[name].null_count():
            raise SnapshotError(
                f"{catalog.folder}: {missing} films without {name}; run infmap catalog {verb} first"
            )
    if frontal.is_empty():
        raise SnapshotError(f"{catalog.folder}: expected frontal films, has lateral ones only")
    check_whole(
        frontal.select("film_id", "patient_id", "duplicate_group", "split", "fold").to_dicts()
    )
    return write_rows(
        out,
        frontal,
        scores=tables["scores"],
        boxes=tables["boxes"],
        roots=catalog.places(manifest),
        about={
            "left_out": len(films) - len(frontal),
            "generation": manifest["generation"],
            "split": manifest["settings"].get("split"),
        },
        card=True,
    )


def write_rows(
    out: Path,
    films: pl.DataFrame,
    *,
    roots: Mapping[str, str],
    scores: pl.DataFrame | None = None,
    boxes: pl.DataFrame | None = None,
    about: Mapping[str, object] | None = None,
    card: bool = False,
) -> SnapshotAbout:
    """Write films as a snapshot: beside its place first, so that a kill leaves nothing half done.

    Args:
        out: the folder to be; it may exist if it is empty or holds the same content.
        films: rows of the films table; their order is kept.
        roots: source to its absolute folder, "@catalog" to that of derived masks.
        scores: readings; those of other films are dropped.
        boxes: rectangles; those of other films are dropped.
        about: what else snapshot.json is to hold.
        card: write card.md and croissant.json too.

    Returns:
        What snapshot.json holds.

    Raises:
        SnapshotError: ``out`` holds something else.
    """
    tables = {"films": conform("films", films)}
    for name, given in (("scores", scores), ("boxes", boxes)):
        frame = conform(name, make_frame(name, []) if given is None else given)
        kept = frame.join(films.select("film_id"), on="film_id", how="semi")
        tables[name] = kept.sort(kept.columns)
    sources = set(tables["films"]["source"].unique())
    whole = as_about(
        {
            "version": VERSION,
            "infmap": _infmap_version(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "films": len(films),
            "sha256": content_sha256(tables),
            **(about or {}),
            "catalog": roots[CATALOG_ROOT],
            "roots": {name: root for name, root in sorted(roots.items()) if name in sources},
        }
    )
    if old := _already(out, whole):
        return old
    try:
        with replacing_folder(out) as part:
            _fill(part, tables, whole, card)
    except OSError:
        if old := _already(out, whole):  # another process was first
            return old
        raise
    return whole


def read_snapshot(folder: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Films of a snapshot, and where their files lie.

    Returns:
        One row per film, columns that an older version lacked null; and source to its absolute
        folder, "@catalog" to that of derived masks.

    Raises:
        SnapshotError: the snapshot is missing, damaged, changed, or of a newer version.
    """
    about = read_about(folder)
    roots = {current_source(str(k)): str(v) for k, v in about["roots"].items()}
    return _read(folder, "films", about), roots | {CATALOG_ROOT: str(about["catalog"])}


def read_scores(folder: Path) -> list[Score]:
    """Readings of a snapshot's films: film_id, name, reader, value.

    Raises:
        SnapshotError: the snapshot is missing, damaged or changed.
    """
    return score_rows(_read(folder, "scores", read_about(folder)))


def read_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """All tables of a snapshot by name.

    Raises:
        SnapshotError: the snapshot is missing, damaged or changed.
    """
    about = read_about(folder)
    return {name: _read(folder, name, about) for name in TABLES}


def read_about(folder: Path) -> SnapshotAbout:
    """What snapshot.json holds.

    Raises:
        SnapshotError: the folder holds no snapshot, a damaged one, or one of a newer version.
    """
    path = folder / "snapshot.json"
    try:
        read = read_json_object(path)
        written = version_in(read)
        complete = all(name in read for name in ("sha256", "catalog", "roots"))
        about = as_about(read) if complete and written <= VERSION else None
    except (OSError, ValueError) as error:
        raise SnapshotError(
            f"{folder}: expected a snapshot; write one with infmap catalog snapshot"
        ) from error
    if about is None or (written > 1 and "files" not in about):
        raise SnapshotError(f"{path}: expected a whole snapshot of version {VERSION} or older")
    return about


def verify_snapshot(folder: Path) -> None:
    """Compare every file of a snapshot with its checksum.

    Raises:
        SnapshotError: a file is missing or not as it was written.
    """
    about = read_about(folder)
    for name in about.get("files", ("films.parquet",)):
        _check(folder / name, about)


def content_sha256(tables: Mapping[str, pl.DataFrame]) -> str:
    """SHA-256 of what tables hold, the same whatever Parquet file they are stored in.

    Over each table, column by column: its name and type, which rows are null, and the values:
    little-endian numbers, or the lengths of texts in bytes and then the texts. When a file was
    last touched does not count.
    """
    digest = hashlib.sha256()
    for table, frame in sorted(tables.items()):
        digest.update(f"{table} {len(frame)}\n".encode())
        for column in frame.iter_columns():
            if column.name in _UNSEALED:
                continue
            digest.update(f"{column.name} {column.dtype}\n".encode())
            # Nulls first, since they are filled in below: unknown must not hash like 0.
            digest.update(column.is_null().to_numpy().tobytes())
            if column.dtype == polars().String:
                texts = column.fill_null("")
                digest.update(texts.str.len_bytes().to_numpy().astype("<u4").tobytes())
                digest.update("".join(texts.to_list()).encode())
            else:
                values = column.fill_null(False if column.dtype == polars().Boolean else 0)
                array = values.to_numpy()
                digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _infmap_version() -> str:
    # Looked up by name, because the root package also offers the Python interface, which no lower
    # layer may import.
    return str(importlib.import_module(__name__.partition(".")[0]).__version__)


def _read_tables(catalog: Catalog) -> tuple[dict[str, pl.DataFrame], CatalogManifest]:
    """Tables of one commit, and its manifest, though another process may commit meanwhile."""
    while True:
        manifest = catalog.manifest
        tables = {name: catalog.frame(name) for name in ("scores", "boxes")}
        tables["films"] = catalog.film_frame()
        # Tables are read one after another; a commit in between would mix two states.
        if catalog.manifest["generation"] == manifest["generation"]:
            return tables, manifest


def _fill(part: Path, tables: Mapping[str, pl.DataFrame], about: SnapshotAbout, card: bool) -> None:
    """Write all files of a snapshot; ``about`` gets their checksums."""
    files: dict[str, FileEntry] = {}
    for table, frame in tables.items():
        path = part / f"{table}.parquet"
        frame.write_parquet(path)
        files[path.name] = {"rows": len(frame), "sha256": sha256(path)}
    about["files"] = files
    if card:
        for path in write_card(part, tables, about):
            files[path.name] = {"sha256": sha256(path)}
    write_json(part / "snapshot.json", about)
    for path in part.iterdir():
        with path.open("rb") as file:
            # On the disk before the folder gets its name: a power cut leaves a whole snapshot or
            # none.
            os.fsync(file.fileno())
        # Read only: a snapshot that someone edits by mistake would no longer be what a model was
        # trained on.
        path.chmod(0o444)


def _already(out: Path, wanted: SnapshotAbout) -> SnapshotAbout | None:
    """The snapshot at ``out`` if it holds what is wanted, None where nothing is.

    Raises:
        SnapshotError: something else is there.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        there = read_about(out)
    except SnapshotError as error:
        raise SnapshotError(
            f"{out}: expected a new folder, holds other files; choose another folder"
        ) from error
    if there["sha256"] != wanted["sha256"]:
        raise SnapshotError(
            f"{out}: holds a snapshot of other content, and a snapshot never changes; "
            "choose another folder"
        )
    if (there["catalog"], there["roots"]) != (wanted["catalog"], wanted["roots"]):
        raise SnapshotError(
            f"{out}: holds a snapshot of the same films in other folders, and a snapshot never "
            "changes; choose another folder"
        )
    verify_snapshot(out)
    return there


def _read(folder: Path, table: str, about: SnapshotAbout) -> pl.DataFrame:
    path = folder / f"{table}.parquet"
    if about["version"] == 1 and table != "films" and not path.exists():
        return make_frame(table, [])
    _check(path, about)
    return read_frame(table, path, about["version"])


def _check(path: Path, about: SnapshotAbout) -> None:
    """Compare a file with its checksum; version 1 kept one of the films only."""
    old: dict[str, FileEntry] = {"films.parquet": {"sha256": about["sha256"]}}
    known = about["files"] if about["version"] > 1 else old
    expected = known.get(path.name)
    if not path.is_file() or (expected and sha256(path) != expected["sha256"]):
        raise SnapshotError(f"{path}: missing, or not as it was written; write the snapshot again")
