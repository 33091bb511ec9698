"""Plain folders: SPLIT/CLASS/{images,infection masks,opacity masks,lung masks}."""

from __future__ import annotations

from collections.abc import Sequence

from infmap.export.exporter import Exporter, Job
from infmap.export.sheet import Entry, Sheet

FOLDERS = {
    "infection": "infection masks",
    "opacity": "opacity masks",
    "lungs": "lung masks",
}


def film(sheet: Sheet) -> Entry:
    """Write the picture and the masks that are known, all of one name."""
    film = sheet.film
    root = f"{film.split}/{film.label}"
    masks = sheet.write_masks({k: f"{root}/{f}/{film.name}.png" for k, f in FOLDERS.items()})
    return Entry(film, sheet.image(f"{root}/images/{film.name}"), masks, sheet.size)


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Nothing more: films.csv, which every export has, lists the films."""


EXPORTER = Exporter(film, finish)
