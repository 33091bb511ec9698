"""Hugging Face Datasets: an image folder with metadata.parquet a split, and a card.

``datasets.load_dataset("imagefolder", data_dir=FOLDER)`` gives the columns image, infection_mask,
opacity_mask and lung_mask as pictures; a mask that is unknown is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infmap.catalog.schema import polars
from infmap.export.exporter import Exporter, Job
from infmap.export.films import MASKS
from infmap.export.sheet import Entry, Sheet

if TYPE_CHECKING:
    import polars as pl

SPLITS = {"train": "train", "val": "validation", "test": "test"}
FIELDS = {
    "film_id": "String",
    "source": "String",
    "patient_id": "String",
    "duplicate_group": "String",
    "offset_days": "Int32",
    "view": "String",
    "sex": "String",
    "age": "Float32",
    "covid19": "Boolean",
    "pneumonia": "Boolean",
    "normal": "Boolean",
    "licence": "String",
    "fold": "Int32",
}
CARD = """\
---
license: other
task_categories:
- image-segmentation
- image-classification
tags:
- chest-x-ray
- covid-19
- medical
---
# Chest films with infection masks

Exported by infmap. Research use only. Not a medical device.

```python
from datasets import load_dataset
films = load_dataset("imagefolder", data_dir="PATH")
```

{table}

`image` is the film. `infection_mask`, `opacity_mask` and `lung_mask` are 0/255 in film pixels; None
means that the mask is unknown, a black mask that there is nothing. `covid19`, `pneumonia` and
`normal` are true, false, or None where unknown. `class` is the one that is true, "other" where all
are false, else "unknown". `boxes` are in film pixels.

Licences, sources and papers to cite: LICENCES.md. What was left out, and why: export.json.
"""


def film(sheet: Sheet) -> Entry:
    """Write the picture and the masks that are known."""
    root, name = SPLITS[sheet.need_split()], sheet.film.name
    masks = sheet.write_masks({k: f"{root}/{column}/{name}.png" for k, column in MASKS.items()})
    return Entry(sheet.film, sheet.image(f"{root}/images/{name}"), masks, sheet.size)


def finish(job: Job, entries: Sequence[Entry]) -> None:
    """Write metadata.parquet a split, with the same column types in each, and README.md."""
    for split in sorted({entry.film.split for entry in entries}):
        rows = [_row(entry) for entry in entries if entry.film.split == split]
        # A schema of its own: a column that is all null in one part would else have another type
        # there.
        frame = polars().DataFrame(rows, schema=_schema())
        frame.write_parquet(job.folder / SPLITS[split] / "metadata.parquet")
    counts = Counter((SPLITS[entry.film.split], entry.film.label) for entry in entries)
    lines = [f"| {split} | {label} | {n} |" for (split, label), n in sorted(counts.items())]
    table = "\n".join(["| split | class | films |", "|---|---|---|", *lines])
    (job.folder / "README.md").write_text(CARD.format(table=table), encoding="utf-8")


def _row(entry: Entry) -> dict[str, object]:
    film = entry.film

    def below(path: str) -> str:
        return path.partition("/")[2]

    row: dict[str, object] = {"file_name": below(entry.image), "class": film.label}
    row |= {f"{MASKS[kind]}_file_name": below(path) for kind, path in entry.masks.items()}
    row |= {name: film.row.get(name) for name in FIELDS}
    for name, rows in (("boxes", film.boxes), ("scores", film.scores)):
        row[name] = [{k: v for k, v in one.items() if k != "film_id"} for one in rows]
    return row


def _schema() -> Mapping[str, pl.DataType | type[pl.DataType]]:
    module = polars()
    text, number = module.String, module.Float64
    sides = dict.fromkeys(("left", "top", "width", "height"), number)
    return {
        "file_name": text,
        **{f"{column}_file_name": text for column in MASKS.values()},
        "class": text,
        **{name: getattr(module, kind) for name, kind in FIELDS.items()},
        "boxes": module.List(module.Struct({"label": text, "reader": text, **sides})),
        "scores": module.List(module.Struct({"name": text, "reader": text, "value": number})),
    }


EXPORTER = Exporter(film, finish)
