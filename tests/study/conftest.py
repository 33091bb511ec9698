"""A tiny snapshot of phantoms, and studies on it."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from infmap.phantom import render
from infmap.study.by_source import LEFT_OUT, VALIDATION, ScoredFilms
from infmap.study.films import FilmTable


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


@pytest.fixture
def planted():
    """A function that makes scored films and readers' scores, see ``_planted``."""
    return _planted


def _film(name, source, kind, fold="A", part=LEFT_OUT, **values):
    given = {"film_id": f"{source}/{name}", "source": source, "group": f"{source}/{name}"}
    return given | {"class": kind, "set": part, "fold": fold, **values}


def _scored(rows):
    empty = np.array([row["class"] is None for row in rows])
    return ScoredFilms(FilmTable.of(rows), np.array([row["fold"] for row in rows]), empty)


def _planted(good=1.0, seed=0):
    """Two sources of sick films by two models, healthy and known-empty films; and scores.

    The better a model, 0 to 1, the nearer are its maps to the truth.
    """
    random = np.random.default_rng(seed)
    rows, scores = [], []

    def noisy(truth):
        return float(np.clip(good * truth + (1 - good) * random.random(), 0, 1))

    for i in range(120):
        fold, source = ("A", "general") if i % 2 else ("B", "cohen")
        kind = ("covid19", "other_pneumonia", "normal")[i % 3]
        truth = 0.0 if kind == "normal" else (i % 40 + 4) / 50
        share, probability = noisy(truth), noisy(float(kind == "covid19"))
        drawn = {"dice": noisy(1.0), "opacity_dice": noisy(1.0), "tp": 5, "fp": 0, "fn": 5,
                 "tn": 9, "opaque_share_true": 0.2}  # fmt: skip
        rows.append(_film(
            i, source, kind, fold, covid_probability=probability, covid_detected=probability > 0.5,
            infected_share_predicted=share, opaque_share_predicted=share, infection_mean=share,
            opacity_mean=share, opacity_right=share, opacity_left=share, class_log_odds=probability,
            **(drawn if kind != "normal" else {}),
        ))  # fmt: skip
        if source == "cohen":
            for name, reader, top in (
                ("brixia_global", "senior", 18), ("geographic_extent", "mean", 8),
                ("brixia_A", "senior", 3),
            ):  # fmt: skip
                scores.append({"film_id": f"cohen/{i}", "name": name, "reader": reader,
                               "value": round(truth * top)})  # fmt: skip
    for i in range(40):
        share = noisy(0.0)
        rows.append(_film(i, "radiography", None, "AB"[i % 2], infected_share_predicted=share,
                         opaque_share_predicted=share, covid_detected=share > 0.5,
                         covid_probability=share))  # fmt: skip
    for fold in "AB":
        for i in range(20):
            sick = i % 2 == 1
            rows.append(_film(i, "qu-ex", "covid19" if sick else "normal", fold, VALIDATION,
                             covid_probability=noisy(sick), covid_detected=sick, tp=8 * sick,
                             fp=1, fn=2, tn=50, lung_dice=0.9 if fold == "A" else 0.8,
                             infected_share_predicted=0.1, opaque_share_predicted=0.1))  # fmt: skip
    return _scored(rows), scores


@pytest.fixture
def known_study(study_values, tmp_path):
    """Runs of a grid without networks, whose maps find a known share of the infection.

    U-Net, trained, finds all of it, DLA three quarters, U-Net, frozen, a half, and Grad-CAM of the
    trained classifier a quarter. The other runs are waiting.
    """
    from infmap.study.config import StudyConfig
    from infmap.study.study import create_study

    grid = {"decoders": ["unet", "dla"], "encoders": ["efficientnet_lite0"],
            "frozen": [False, True], "classifiers": True}  # fmt: skip
    study = create_study(StudyConfig.model_validate({**study_values, "grid": grid}), tmp_path / "k")
    shares = {"unet-{}-trained": 100, "dla-{}-trained": 75, "unet-{}-frozen": 50}
    for name, found in shares.items():
        _known_run(study, name.format("efficientnet_lite0"), found)
    _known_run(study, "classifier-efficientnet_lite0-trained", None, activation=25)
    return study


@pytest.fixture
def known_run():
    """A function that gives a study a run whose maps find a known share, see ``known_study``."""
    return _known_run


def _known_run(study, name, found, activation=None, seed=0):
    from infmap.study.films import figures_by_set, films_file
    from infmap.study.records import COLUMNS
    from infmap.study.study import scoring_of, write_csv, write_json

    folder = study.path(study.run(f"{name}-official-seed{seed}"))
    folder.mkdir(parents=True)

    def figures(file, found):
        parts = (("held-out", "covid-qu-ex"), ("external", "cohen"))
        rows = [_known_film(i, *part, found) for i in range(20) for part in parts]
        write_csv(folder / file, rows, COLUMNS)
        return figures_by_set(FilmTable.of(rows), 100)

    chosen = {"infection": 0.5, "covid": 0.5, "chosen_on": "Val"}
    result = {
        "scoring": scoring_of(study.config), "thresholds": chosen,
        "size": {"parameters": 1e6, "gflops": 0.5}, **figures("films.csv", found),
    }  # fmt: skip
    if activation is not None:
        maps = {"threshold": 0.5, "threshold_from": "", "channels": None}
        maps |= figures(films_file("gradcam"), activation)
        result["activation_maps"] = {"gradcam": maps}
    write_json(folder / "result.json", result)
    write_json(folder / "timing.json", {"train_s": 3600.0 * (found or 10) / 100})


def _known_film(i, part, source, found):
    covid = i % 2 == 0
    tp = (found or 0) if covid else 0
    row = {"film_id": f"{source}/{i}", "source": source, "group": f"{source}/{i}",
           "class": "covid19" if covid else "normal", "set": part,
           "covid_probability": 0.9 if covid else 0.1, "covid_detected": covid}  # fmt: skip
    if found is None:
        return row
    # Of the films with infection the last is missed by a network that does not find all of it.
    detected = covid and (found == 100 or i < 18)
    return row | {"tp": tp, "fp": 0, "fn": 100 * covid - tp, "tn": 900, "dice": 1.0, "nsd": 1.0,
                  "hd95": 0.0, "energy": 0.5, "pointing": 1.0, "covid_detected": detected,
                  "map_area": tp, "map_any": covid, "map_detected": detected,
                  "infected_share_true": 0.1 * covid,
                  "infected_share_predicted": 0.1 * covid}  # fmt: skip
