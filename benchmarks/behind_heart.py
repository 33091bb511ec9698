"""What lung behind the heart takes from the agreement with radiologists.

    python benchmarks/behind_heart.py general-blockchain=FOLDER [--model FOLDER]

FOLDER is the General Blockchain collection: radiologists drew lungs on through the heart's shadow,
and the cardiomediastinum as a region of its own. COVID-QU-Ex, whose lungs the network learns, ends
them at the heart. Printed, in film pixels: Dice of each mask, whole and without the pixels of the
cardiomediastinum, and how much of what was drawn and not found lies there. Intervals: 95 %, by
patient.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import infmap
from infmap import metrics
from infmap.catalog.masks import paste
from infmap.core.errors import FilmError, InfmapError
from infmap.core.types import BoolImage
from infmap.sources import general_blockchain
from infmap.sources.record import MaskCrop, SourceRecord
from infmap.sources.tables import read_table

HEART = "COVID-19 Cardiomediastinum"


@dataclass(frozen=True)
class Compared:
    """A mask of one film: Dice, whole and outside the heart, and pixels drawn but not found."""

    patient: str
    whole: float
    outside: float
    missed: int
    behind: int


def hearts(root: Path) -> dict[str, list[MaskCrop]]:
    """The cardiomediastinum of each film, by the film's file name."""
    found: dict[str, list[MaskCrop]] = {}
    for row in read_table(root / "structure.csv", general_blockchain.REGION_COLUMNS):
        if row["Class"] == HEART and row["Mask"]:
            width, height = (int(n) for n in row["Resolution"].split("x"))
            place = int(row["Left"]), int(row["Top"]), (width, height)
            crop = MaskCrop(f"masks/{Path(row['Mask']).name}", "lungs", *place)
            found.setdefault(row["Filename"], []).append(crop)
    return found


def dice(a: BoolImage, b: BoolImage) -> float:
    """Dice of two masks; NaN where both are empty."""
    both = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / both if both else float("nan")


def compare(
    model: infmap.Model, root: Path, record: SourceRecord, heart: list[MaskCrop]
) -> Iterator[tuple[str, Compared]]:
    """The masks of a film with a drawn heart; none where the film is refused."""
    try:
        prediction = model.predict(root / record.path)
    except FilmError as error:
        print(error, file=sys.stderr)
        return
    shape = prediction.lungs.shape
    shadow = paste(root, heart, shape)
    drawn = {
        kind: paste(root, [crop for crop in record.crops if crop.kind == kind], shape)
        for kind in ("lungs", "opacity")
    }
    masks = {"lungs": (drawn["lungs"], prediction.lungs)}
    if record.covid19:
        masks["infection, COVID-19 films"] = drawn["opacity"], prediction.infected
    else:
        masks["opacity, other diagnoses"] = drawn["opacity"], prediction.opaque
    for name, (truth, found) in masks.items():
        if truth.any():
            missed = truth & ~found
            yield (
                name,
                Compared(
                    record.patient_id or record.path,
                    dice(truth, found),
                    dice(truth & ~shadow, found & ~shadow),
                    int(missed.sum()),
                    int((missed & shadow).sum()),
                ),
            )


def line(name: str, masks: list[Compared]) -> str:
    """The figures of one kind of mask."""
    bootstrap = metrics.Bootstrap(np.array([mask.patient for mask in masks]))
    missed, behind = (sum(getattr(mask, of) for mask in masks) for of in ("missed", "behind"))
    parts = []
    for of in ("whole", "outside"):
        values = np.array([getattr(mask, of) for mask in masks])
        e = metrics.film_mean(values, bootstrap)
        parts.append(f"{of} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]")
    return (
        f"{name}, {len(masks)} films: Dice {', '.join(parts)}; "
        f"{behind / max(missed, 1):.0%} of what was not found lies in the cardiomediastinum"
    )


def main() -> int:
    """Print a line for each kind of mask; 2 where the collection cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collection", help="general-blockchain=FOLDER")
    parser.add_argument("--model", help="model folder; the shipped one where none is given")
    given = parser.parse_args()
    root = Path(given.collection.partition("=")[2])
    kinds: dict[str, list[Compared]] = {}
    try:
        model, shadows = infmap.load(given.model), hearts(root)
        for record in general_blockchain.read(root):
            if heart := shadows.get(Path(record.path).name):
                for name, compared in compare(model, root, record, heart):
                    kinds.setdefault(name, []).append(compared)
    except InfmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, masks in kinds.items():
        print(line(name, masks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
