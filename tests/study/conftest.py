"""A tiny snapshot of phantoms, and studies on it."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from infmap.phantom import render


def _save(plane, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(plane, np.float32) * 255.0).convert("L").save(path)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory):
    """24 phantoms to learn from and 12 of Val, each its own patient, and 6 of another source."""
    from infmap.catalog.store import make_frame, write_frame

    root = tmp_path_factory.mktemp("phantoms")
    rows = []
    parts = (("covid-qu-ex", "train", 8), ("covid-qu-ex", "val", 4), ("cohen", None, 2))
    for source, split, count in parts:
        for kind in ("covid19", "pneumonia", "normal"):
            for i in range(count):
                name = f"{kind}-{split}-{i}"
                film = render(7000 + len(rows), size=96, opacities=4 * (kind == "covid19"))
                for part, plane in (("f", film.pixels), ("i", film.infection), ("l", film.lungs)):
                    _save(plane, root / source / f"{part}-{name}.png")
                rows.append({
                    "film_id": f"{source}/{name}", "source": source, "path": f"f-{name}.png",
                    "patient_id": f"{source}/{name}", "width": 96, "height": 96,
                    "covid19": kind == "covid19", "pneumonia": kind != "normal",
                    "normal": kind == "normal", "infection_mask": f"i-{name}.png",
                    "lung_mask": f"l-{name}.png", "official_split": split,
                    "duplicate_group": f"{source}/{name}", "split": "train", "fold": i % 2,
                })  # fmt: skip
    out = root / "snapshot"
    out.mkdir()
    write_frame(make_frame("films", rows), out / "films.parquet")
    about = {
        "version": 1,
        "sha256": hashlib.sha256((out / "films.parquet").read_bytes()).hexdigest(),
        "catalog": str(root),
        "roots": {source: str(root / source) for source in ("covid-qu-ex", "cohen")},
    }
    (out / "snapshot.json").write_text(json.dumps(about))
    return out


@pytest.fixture(scope="session")
def study_values(snapshot):
    """A study's configuration, as YAML would give it."""
    return {
        "name": "tiny",
        "grid": {
            "decoders": ["unet"],
            "encoders": ["efficientnet_lite0"],
            "classifiers": True,
        },
        "split": {"scheme": "official", "watch": 0.2},
        "weights": {"efficientnet_lite0": "random"},
        "activation_maps": ["gradcam"],
        "draws": 100,
        "training": {
            "snapshot": str(snapshot),
            "size": 64,
            "batch_size": 4,
            "precision": "float32",
            "device": "cpu",
            "stages": [{"epochs": 1, "size": 64, "sources": {"covid-qu-ex": 1}}],
        },
    }
