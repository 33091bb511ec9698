"""MONAI: a Decathlon-style dataset.json (``monai.data.load_decathlon_datalist``)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from infmap.export.exporter import Exporter, Job
from infmap.export.labels import label_names, labelled_film
from infmap.export.sheet import Entry, Sheet

LISTS = {"training": "train", "validation": "val", "test": "test"}


def film(sheet: Sheet) -> Entry:
    """Write the picture and its label image; test films into imagesTs and labelsTs."""
    return labelled_film(sheet)


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Write dataset.json with those of the lists training, validation and test that have films."""
    lists = {
        key: [_item(entry) for entry in entries if entry.film.split == split]
        for key, split in LISTS.items()
    }
    about = {
        "name": "infmap",
        "description": "COVID-19 infection on chest films; see export.json",
        "licence": job.licence,
        "tensorImageSize": "2D",
        "modality": {"0": "X-ray"},
        "labels": {str(value): name for name, value in label_names(job.lungs).items()},
        "numTraining": len(lists["training"]),
        "numValidation": len(lists["validation"]),
        "numTest": len(lists["test"]),
    }
    # MONAI names a list that is absent, but stumbles over one that is empty.
    text = json.dumps(about | {key: items for key, items in lists.items() if items}, indent=2)
    (job.folder / "dataset.json").write_text(text + "\n", encoding="utf-8")


def _item(entry: Entry) -> dict[str, object]:
    row = entry.film.row
    return {
        "image": f"./{entry.image}",
        "label": f"./{entry.masks['labels']}",
        "fold": row["fold"],
        "film_id": row["film_id"],
        "patient_id": row["patient_id"],
        "class": entry.film.label,
    }


EXPORTER = Exporter(film, finish, grey_png=True)
