"""What every export says of itself: export.json, films.csv, left_out.csv and LICENCES.md."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from infmap.core.files import write_json
from infmap.core.spreadsheet import cell
from infmap.export.films import MASKS, ExportFilm, Origin
from infmap.export.sheet import Entry, LeftOut
from infmap.sources import SOURCES
from infmap.sources.licences import terms

VERSION = 1
UNSTATED = "not stated"
_KEPT = ("film_id", "source", "path", "patient_id", "duplicate_group", "fold", "licence")


class ExportOptions(TypedDict, total=False):
    """What was asked for, see ``infmap.export.export``."""

    format: str
    where: str | None
    split: str
    link: str


class MadeFrom(TypedDict, total=False):
    """The state of the catalog, or of the snapshot, that the films come from."""

    catalog: int
    snapshot: str


class ReasonCount(TypedDict):
    """Films left out for one reason."""

    reason: str
    films: int


class ExportManifest(ExportOptions, MadeFrom):
    """What export.json holds: figures of films but for ``masks`` and ``notes``.

    Attributes:
        version: of this file's form.
        created: when, ISO 8601, UTC.
        films: that are in.
        splits: split to films.
        classes: class to films.
        masks: what a mask shows to films on which that is known.
        left_out: by reason, the commonest first.
        failed: of those left out, films whose files cannot be read.
        notes: what was done to films or masks, to how many.
    """

    version: int
    created: str
    films: int
    splits: dict[str, int]
    classes: dict[str, int]
    masks: dict[str, int]
    left_out: list[ReasonCount]
    failed: int
    notes: dict[str, int]


def write_manifest(
    folder: Path,
    options: ExportOptions,
    origin: Origin,
    entries: Sequence[Entry],
    left_out: Sequence[tuple[ExportFilm, LeftOut]],
    notes: Mapping[str, int],
) -> ExportManifest:
    """Write export.json, films.csv and left_out.csv.

    Args:
        folder: of the export.
        options: what was asked for.
        origin: where the films come from.
        entries: the films that are in.
        left_out: the others, with the reason.
        notes: what was done to films or masks, and to how many.

    Returns:
        What export.json holds.
    """
    reasons = Counter(error.reason for _, error in left_out)
    made_from: MadeFrom
    if origin.kind == "catalog":
        made_from = {"catalog": int(origin.state)}
    else:
        made_from = {"snapshot": str(origin.state)}
    manifest: ExportManifest = {
        "version": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **options,
        **made_from,
        "films": len(entries),
        "splits": _counts(entry.film.split for entry in entries),
        "classes": _counts(entry.film.label for entry in entries),
        "masks": _counts(kind for entry in entries for kind in entry.film.masks),
        "left_out": [{"reason": reason, "films": n} for reason, n in reasons.most_common()],
        "failed": sum(error.failed for _, error in left_out),
        "notes": dict(sorted(notes.items())),
    }
    write_json(folder / "export.json", manifest)
    _write_csv(folder / "films.csv", (_line(entry) for entry in entries))
    if left_out:
        lines = (
            {"film_id": film.row["film_id"], "reason": e.reason, "detail": e.detail}
            for film, e in left_out
        )
        _write_csv(folder / "left_out.csv", lines)
    return manifest


def write_licences(folder: Path, entries: Iterable[Entry]) -> None:
    """Write LICENCES.md: of each source its publisher's licence, and what its films state."""
    stated: dict[str, Counter[str]] = {}
    for entry in entries:
        row = entry.film.row
        of = stated.setdefault(str(row["source"]), Counter())
        of[str(row["licence"] or UNSTATED)] += 1
    parts = [
        "# Licences\n\nThe films and masks of this folder belong to the sources below. "
        "Each film's own licence is in films.csv. Keep to the strictest, and cite the papers.\n"
    ]
    for name, counts in sorted(stated.items()):
        about = SOURCES.get(name)
        parts.append(f"## {about.title if about else name}\n")
        if about:
            parts.append(
                f"- Source: `{name}`, {about.url}\n- Licence: {about.licence}\n"
                f"- Cite: {about.citation}\n"
            )
        lines = [
            f"| {licence} | {n} | {terms(licence).words} |" for licence, n in sorted(counts.items())
        ]
        head = ["| licence that films state | films | in plain words |", "|---|---|---|"]
        parts.append("\n".join([*head, *lines, ""]))
    (folder / "LICENCES.md").write_text("\n".join(parts), encoding="utf-8")


def licence_line(films: Iterable[ExportFilm]) -> str:
    """The licences that films state, in one line."""
    found = sorted({str(film.row["licence"] or UNSTATED) for film in films})
    return "; ".join(found) + "; see LICENCES.md"


def _line(entry: Entry) -> dict[str, object]:
    film = entry.film
    line: dict[str, object] = {
        "name": film.name,
        "image": entry.image,
        "split": film.split,
        "class": film.label,
    }
    line |= {name: film.row.get(name) for name in _KEPT}
    return line | {f"{kind}_known": str(kind in film.masks).lower() for kind in MASKS}


def _write_csv(path: Path, lines: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = None
        for line in lines:
            if writer is None:
                writer = csv.DictWriter(file, list(line))
                writer.writeheader()
            writer.writerow({name: cell(value) for name, value in line.items()})


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
