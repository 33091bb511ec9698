"""COCO: train/, val/, test/ and annotations/instances_SPLIT.json (Lin et al. 2014).

Each connected region of a mask is one annotation, in compressed run-length encoding. Boxes have
categories of their own and their outline as segmentation.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from infmap.catalog.rows import Box
from infmap.core.types import BoolImage
from infmap.export.exporter import Exporter, Job
from infmap.export.films import MASKS
from infmap.export.sheet import Entry, Sheet

CATEGORIES = {kind: number for number, kind in enumerate(MASKS, 1)}
# Eight neighbours: regions that touch at a corner are one.
_TOUCHING = np.ones((3, 3), np.bool_)


def film(sheet: Sheet) -> Entry:
    """Write the picture; its regions are kept for the table."""
    masks = {kind: sheet.mask(kind) for kind in MASKS}
    regions = [
        {"category_id": CATEGORIES[kind], "iscrowd": 0} | region
        for kind, mask in masks.items()
        if mask is not None
        for region in regions_of(mask)
    ]
    known = [CATEGORIES[kind] for kind, mask in masks.items() if mask is not None]
    image = sheet.image(f"{sheet.film.split}/{sheet.film.name}")
    return Entry(sheet.film, image, {}, sheet.size, regions, known)


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Write one table of annotations a split."""
    of: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of[entry.film.split].append(entry)
    labels = sorted({box["label"] for entry in entries for box in entry.film.boxes})
    boxed = {label: number for number, label in enumerate(labels, len(CATEGORIES) + 1)}
    categories = [
        {"id": number, "name": name, "supercategory": "region"}
        for name, number in CATEGORIES.items()
    ] + [
        {"id": number, "name": f"{name} box", "supercategory": "box"}
        for name, number in boxed.items()
    ]
    for split, members in of.items():
        _write(job.folder / "annotations" / f"instances_{split}.json", members, boxed, categories)


def regions_of(mask: BoolImage) -> list[dict[str, object]]:
    """Connected regions (8 neighbours) as COCO has them.

    Args:
        mask: bool (H, W), film pixels.

    Returns:
        Of each: segmentation (compressed run-length encoding), area in pixels, and bbox as left,
        top, width, height in film pixels.
    """
    numbered, _ = ndimage.label(mask, _TOUCHING)
    regions = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), 1):
        x, y = np.nonzero((numbered[rows, columns] == number).T)
        counts = _runs((x + columns.start) * mask.shape[0] + y + rows.start, mask.size)
        width, height = columns.stop - columns.start, rows.stop - rows.start
        regions.append(
            {
                "segmentation": {"size": list(mask.shape), "counts": _compressed(counts)},
                "area": len(x),
                "bbox": [columns.start, rows.start, width, height],
            }
        )
    return regions


def _runs(places: NDArray[np.int64], size: int) -> list[int]:
    """Lengths of runs outside and inside, in turn, from ascending places in column order."""
    breaks = np.flatnonzero(np.diff(places) != 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [-1]])] + 1
    after = [size] if ends[-1] < size else []
    edges = np.concatenate([[0], np.stack([starts, ends], axis=1).ravel(), after])
    return [int(n) for n in np.diff(edges)]


def _compressed(counts: list[int]) -> str:
    """Text of run lengths as ``rleToString`` of pycocotools' maskApi.c writes it."""
    text = bytearray()
    for index, count in enumerate(counts):
        # From the third run on, the difference from the run before the last is stored (maskApi.c).
        rest = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            # Five bits a character, the sixth says that more follow, 48 makes it printable.
            piece = rest & 0x1F
            rest >>= 5
            more = rest != (-1 if piece & 0x10 else 0)
            text.append((piece | 0x20 if more else piece) + 48)
    return text.decode("ascii")


def _write(
    path: Path, entries: Sequence[Entry], boxed: dict[str, int], categories: list[dict[str, object]]
) -> None:
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, entry in enumerate(entries, 1):
        images.append(_image(image_id, entry))
        for region in [*entry.regions, *(_box(b, boxed) for b in entry.film.boxes)]:
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **region})
    table = {
        "info": {"description": "infmap export; see export.json and LICENCES.md"},
        "licenses": [],
        "categories": categories,
        "images": images,
        "annotations": annotations,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(table), encoding="utf-8")


def _image(number: int, entry: Entry) -> dict[str, object]:
    return {
        "id": number,
        "file_name": entry.image.partition("/")[2],
        "width": entry.size[0],
        "height": entry.size[1],
        "film_id": entry.film.row["film_id"],
        "patient_id": entry.film.row["patient_id"],
        "class": entry.film.label,
        "known_category_ids": entry.known,
    }


def _box(box: Box, boxed: dict[str, int]) -> dict[str, object]:
    left, top, width, height = box["left"], box["top"], box["width"], box["height"]
    right, bottom = left + width, top + height
    return {
        "category_id": boxed[box["label"]],
        "iscrowd": 0,
        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
        "area": width * height,
        "bbox": [left, top, width, height],
        "reader": box["reader"],
    }


EXPORTER = Exporter(film, finish)
