"""nnU-Net v2: Dataset900_Infmap with natural 2D images (Isensee et al. 2021)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from infmap.export.exporter import Exporter, Job
from infmap.export.labels import label_names, labelled_film
from infmap.export.sheet import Entry, Sheet

DATASET = "Dataset900_Infmap"


def film(sheet: Sheet) -> Entry:
    """Write NAME_0000.png and the label image NAME.png; test films into imagesTs and labelsTs."""
    return labelled_film(sheet, f"{DATASET}/", "_0000")


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Write dataset.json, and splits_final.json where there is something to validate on."""
    root = job.folder / DATASET
    training = [entry for entry in entries if entry.film.split != "test"]
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    about = {
        "name": "Infmap",
        "description": "COVID-19 infection on chest films; see export.json",
        "licence": job.licence,
        "channel_names": {"0": "X-ray"},
        "labels": label_names(job.lungs),
        "numTraining": len(training),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    (root / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    splits = folds(training)
    if splits:
        text = json.dumps(splits, indent=2) + "\n"
        (root / "splits_final.json").write_text(text, encoding="utf-8")


def folds(training: Sequence[Entry]) -> list[dict[str, list[str]]]:
    """Names to train and validate on, a fold.

    One for each of the catalog's folds, where these divide the films to train on; films without a
    fold are trained on in each. Otherwise, and where the publishers' split holds, the one fold of
    the split itself; none where nothing is there to validate on.
    """
    of = {entry.film.name: entry.film.row["fold"] for entry in training}
    drawn = all(entry.film.split == entry.film.row["split"] for entry in training)
    trained = {of[entry.film.name] for entry in training if entry.film.split == "train"} - {None}
    if drawn and len(trained) > 1:
        return [
            {
                "train": [name for name, fold in of.items() if fold != held_out],
                "val": [name for name, fold in of.items() if fold == held_out],
            }
            for held_out in sorted(fold for fold in set(of.values()) if fold is not None)
        ]
    parts = {
        part: [entry.film.name for entry in training if entry.film.split == part]
        for part in ("train", "val")
    }
    return [parts] if all(parts.values()) else []


EXPORTER = Exporter(film, finish, grey_png=True)
