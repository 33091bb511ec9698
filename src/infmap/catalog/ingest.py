"""Films of the sources into the catalog: decoded once, measured, hashed, labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infmap.catalog.masks import paste, write_mask
from infmap.catalog.store import Catalog, Row
from infmap.catalog.thumbnails import pixel_hash, thumbnail
from infmap.core.errors import FilmError, MissingExtra, UsageError
from infmap.dicom import read_radiograph
from infmap.sources import SOURCES, SourceRecord

LABELS = (
    "path",
    "patient_id",
    "offset_days",
    "view",
    "covid19",
    "pneumonia",
    "normal",
    "infection_mask",
    "opacity_mask",
    "lung_mask",
    "licence",
    "official_split",
)


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did: films that are in, and films that failed, of the given sources."""

    films: int
    failures: int


def ingest(
    catalog: Catalog,
    roots: Mapping[str, Path],
    workers: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Read sources into the catalog; what it held of them before is replaced.

    A film ends in ``films`` or in ``failures``. Doing it again changes nothing.

    Args:
        catalog: where to.
        roots: source name to its folder.
        workers: films decoded at a time.
        progress: called with films done and films in all.

    Raises:
        UsageError: an unknown source, a folder that is missing or not laid out as expected.
    """
    for source, root in roots.items():
        if source not in SOURCES:
            raise UsageError(f"no source {source!r}; one of: {', '.join(SOURCES)}")
        if not root.is_dir():
            raise UsageError(f"{root}: expected the folder of {source}, found none")
    records = [(s, r.resolve(), record) for s, r in roots.items() for record in SOURCES[s](r)]
    _check_unique(records)
    old = {row["film_id"]: row for row in catalog.rows("films")}
    pictures = {row["film_id"]: row["thumbnail"] for row in catalog.rows("thumbnails")}

    def one(item: tuple[str, Path, SourceRecord]) -> tuple[Row, bytes] | Row:
        try:
            film_id = _film_id(item[0], item[2])
            return _film(catalog.folder, *item, old.get(film_id), pictures.get(film_id))
        except (FilmError, OSError) as error:
            reason = error.reason if isinstance(error, FilmError) else str(error)
            return {"source": item[0], "path": item[2].path, "reason": reason}

    films = [row for row in old.values() if row["source"] not in roots]
    failures = [row for row in catalog.rows("failures") if row["source"] not in roots]
    kept = {row["film_id"] for row in films}
    scores = [row for row in catalog.rows("scores") if row["film_id"] in kept]
    thumbs = [{"film_id": i, "thumbnail": t} for i, t in pictures.items() if i in kept]
    before = len(films), len(failures)
    with ThreadPoolExecutor(workers) as pool:
        for n, (item, result) in enumerate(zip(records, pool.map(one, records), strict=True), 1):
            if isinstance(result, dict):
                failures.append(result)
            else:
                row, thumb = result
                films.append(row)
                thumbs.append({"film_id": row["film_id"], "thumbnail": thumb})
                scores += [
                    {
                        "film_id": row["film_id"],
                        "name": s.name,
                        "reader": s.reader,
                        "value": s.value,
                    }
                    for s in item[2].scores
                ]
            if progress:
                progress(n, len(records))
    films.sort(key=lambda row: str(row["film_id"]))
    catalog.write_roots(catalog.roots | {s: str(r.resolve()) for s, r in roots.items()})
    catalog.write("films", films)
    catalog.write("thumbnails", thumbs)
    catalog.write("scores", scores)
    catalog.write("failures", failures)
    return IngestReport(len(films) - before[0], len(failures) - before[1])


def _check_unique(records: list[tuple[str, Path, SourceRecord]]) -> None:
    """Refuse two films of one name, since the name is the film's identity."""
    seen: dict[str, str] = {}
    for source, _, record in records:
        film_id = _film_id(source, record)
        if film_id in seen:
            raise UsageError(
                f"{source}: expected each film name once, got {seen[film_id]} and {record.path}"
            )
        seen[film_id] = record.path


def _film_id(source: str, record: SourceRecord) -> str:
    return f"{source}/{Path(record.path).name}"


def _film(
    folder: Path,
    source: str,
    root: Path,
    record: SourceRecord,
    old: Row | None,
    picture: bytes | None,
) -> tuple[Row, bytes]:
    """The row of one film and its thumbnail; a film whose bytes are known is not decoded again."""
    row: Row = {"film_id": _film_id(source, record), "source": source}
    row |= {name: getattr(record, name) for name in LABELS}
    data = (root / record.path).read_bytes()
    row["bytes_hash"] = _blake3(data)
    drawn = record.opacity_drawn or bool(record.crops)
    if old and picture and old["bytes_hash"] == row["bytes_hash"] and not drawn:
        measured = ("width", "height", "pixel_hash", "cluster_id", "split", "fold")
        return row | {name: old[name] for name in measured}, picture
    film = read_radiograph(data, name=record.path)
    row["height"], row["width"] = film.shape
    thumb = thumbnail(film.pixels)
    row["pixel_hash"] = pixel_hash(thumb)
    if drawn:
        row |= _derive(folder, source, root, record, film.shape)
    if old and old["bytes_hash"] == row["bytes_hash"]:
        row |= {name: old[name] for name in ("cluster_id", "split", "fold")}
    return row, thumb.tobytes()


def _derive(
    folder: Path, source: str, root: Path, record: SourceRecord, shape: tuple[int, int]
) -> Row:
    """Write the masks of drawn regions into the catalog; infection is that of COVID-19 only."""
    name = Path(record.path).name
    found: Row = {}

    def write(kind: str) -> str:
        path = f"masks/{source}/{name}.{kind}.png"
        crops = [crop for crop in record.crops if crop.kind == kind]
        write_mask(paste(root, crops, shape), folder / path)
        return f"@catalog/{path}"

    if record.opacity_drawn:
        found["opacity_mask"] = write("opacity")
        found["infection_mask"] = found["opacity_mask"] if record.covid19 else None
    if any(crop.kind == "lungs" for crop in record.crops):
        found["lung_mask"] = write("lungs")
    return found


def _blake3(data: bytes) -> str:
    try:
        from blake3 import blake3
    except ImportError as error:
        raise MissingExtra("the catalog", "train") from error
    return str(blake3(data).hexdigest())
