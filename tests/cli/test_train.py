"""From raw folders to a prediction by a model trained on them, through the commands alone."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.phantom import render

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402

BASE = "Infection Segmentation Data/Infection Segmentation Data"


def save(plane, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(plane, np.float32) * 255.0).convert("L").save(path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """COVID-QU-Ex's layout, filled with phantoms."""
    root = tmp_path_factory.mktemp("covid-qu-ex")
    for split, count in (("Train", 4), ("Val", 2)):
        for kind, opacities in (("COVID-19", 3), ("Non-COVID", 0), ("Normal", 0)):
            for i in range(count):
                film = render(seed_of(split, kind, i), size=128, opacities=opacities)
                folder, name = root / BASE / split / kind, f"{kind}_{split}_{i}.png"
                save(textured(film.pixels, seed_of(split, kind, i)), folder / "images" / name)
                save(film.lungs, folder / "lung masks" / name)
                save(film.infection, folder / "infection masks" / name)
    return root


def textured(pixels, seed):
    """Soft tissue of a film's own, for phantoms of one anatomy would pass for copies; +-0.08."""
    grain = np.random.default_rng(seed).uniform(-0.08, 0.08, (20, 20)).astype(np.float32)
    grain = Image.fromarray(grain).resize(pixels.shape[::-1], Image.Resampling.BICUBIC)
    return np.clip(pixels + np.asarray(grain), 0.0, 1.0)


def seed_of(split, kind, i):
    return 1000 * len(split) + 100 * len(kind) + i


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_from_folders_to_a_prediction_by_ones_own_model(source, tmp_path, capsys):
    catalog, snapshot, model = tmp_path / "catalog", tmp_path / "snapshot", tmp_path / "model"
    assert call("catalog", "ingest", catalog, "--source", f"covid-qu-ex={source}") == 0
    assert call("catalog", "dedup", catalog) == 0
    assert call("catalog", "split", catalog, "--folds", "2", "--seed", "0") == 0
    assert call("catalog", "snapshot", catalog, "-o", snapshot) == 0
    config = tmp_path / "config.yaml"
    config.write_text(
        "name: mine\nversion: '1'\nsnapshot: snapshot\nsize: 64\nbatch_size: 4\nphantoms: 2\n"
        "network: {weights: random}\nprecision: float32\n"
        "stages: [{epochs: 1, size: 64, sources: {covid-qu-ex: 1, phantom: 1}}]\n"
    )
    assert call("train", config, "-o", tmp_path / "shared", "--processes", "2") == 2
    assert "multiple of the processes" in capsys.readouterr().err
    assert call("train", config, "-o", model) == 0
    assert "random" in json.loads((model / "manifest.json").read_text())["training"]["weights"]
    log = [json.loads(line) for line in (model / "log.jsonl").read_text().splitlines()]
    assert any("pooled_f1" in record for record in log)
    assert len((model / "films.txt").read_text().splitlines()) >= 10
    assert call("train", config, "-o", model) == 2
    assert "--resume" in capsys.readouterr().err
    assert call("train", config, "-o", model, "--resume") == 0
    films = source / BASE / "Val" / "Normal" / "images"
    assert call("predict", films, "-o", tmp_path / "out", "--model", model) in (0, 3)
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert len(lines) == 2 and all("failed" not in line for line in lines)
