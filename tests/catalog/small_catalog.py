"""A small catalog of rendered films for the tests of snapshots."""

from pathlib import Path

import numpy as np
from PIL import Image

from infmap.catalog.store import Catalog, make_frame


def row(name: str, **columns) -> dict:
    """A film of the films table, alone in its cluster, in fold 0."""
    source, _, file = name.partition("/")
    plain = {
        "film_id": name, "source": source, "path": f"{file}.png", "patient_id": f"patient-{name}",
        "view": "PA", "sex": "F", "age": 50.0, "width": 96, "height": 96, "pixel_hash": name,
        "covid19": False, "pneumonia": False, "normal": True, "licence": "CC BY 4.0",
        "duplicate_group": name, "split": "train", "fold": 0,
    }  # fmt: skip
    return plain | columns


def catalog(folder: Path, films: list[dict], scores=(), boxes=()) -> Catalog:
    """A catalog of films; nothing lies at their paths."""
    opened = Catalog(folder)
    tables = {"films": films, "scores": list(scores), "boxes": list(boxes)}
    frames = {name: make_frame(name, rows) for name, rows in tables.items()}
    frames["films"] = frames["films"].sort("film_id")
    pictures = np.zeros((len(films), 64, 64), np.uint8)
    roots = {film["source"]: str(folder.parent / film["source"]) for film in films}
    opened.commit(frames, pictures=pictures, roots=roots)
    return opened


def save(path: Path, seed: int, size: tuple[int, int]) -> None:
    """A random smooth film of (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
