"""What lung behind the heart takes from the agreement with radiologists.

    python benchmarks/behind_heart.py FOLDER [--model FOLDER]

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
from external_tables import shown

import infmap
from infmap import metrics
from infmap.catalog.masks import paste
from infmap.core.errors import FilmError, InfmapError
from infmap.metrics.mask_agreement import dice_of, pair_counts
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
    table = root / "structure.csv"
    found: dict[str, list[MaskCrop]] = {}
    for row in read_table(table, general_blockchain.REGION_COLUMNS):
        if row["Class"] == HEART and row["Mask"]:
            # It is lung that is looked for behind the heart; pasting needs the place alone.
            crop = general_blockchain.region(table, row, "lungs")
            found.setdefault(row["Filename"], []).append(crop)
    return found


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
            counts = np.stack([pair_counts(truth, found), pair_counts(truth, found, ~shadow)])
            missed, elsewhere = (int(n) for n in counts[:, 1])
            whole, outside = dice_of(counts).tolist()
            patient = record.patient_id or record.path
            yield name, Compared(patient, whole, outside, missed, missed - elsewhere)


def line(name: str, masks: list[Compared]) -> str:
    """The figures of one kind of mask."""
    bootstrap = metrics.Bootstrap(np.array([mask.patient for mask in masks]))
    missed, behind = (sum(getattr(mask, of) for mask in masks) for of in ("missed", "behind"))
    parts = []
    for of in ("whole", "outside"):
        values = np.array([getattr(mask, of) for mask in masks])
        parts.append(f"{of} {shown(metrics.film_mean(values, bootstrap))}")
    return (
        f"{name}, {len(masks)} films: Dice {', '.join(parts)}; "
        f"{behind / max(missed, 1):.0%} of what was not found lies in the cardiomediastinum"
    )


def main() -> int:
    """Print a line for each kind of mask; 2 where the collection cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collection", type=Path, help="folder of General Blockchain")
    parser.add_argument("--model", help="model folder; the shipped one where none is given")
    given = parser.parse_args()
    kinds: dict[str, list[Compared]] = {}
    try:
        model, shadows = infmap.load(given.model), hearts(given.collection)
        for record in general_blockchain.read(given.collection):
            if heart := shadows.get(Path(record.path).name):
                for name, compared in compare(model, given.collection, record, heart):
                    kinds.setdefault(name, []).append(compared)
    except InfmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, masks in kinds.items():
        print(line(name, masks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
