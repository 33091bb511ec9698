"""Tests of `infmap.training.refit`: which network may read which film."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infmap.core.errors import ModelError
from infmap.inference.manifest import (
    Manifest,
    PlattScaling,
    Training,
    read_manifest,
    write_manifest,
)
from infmap.training import refit
from infmap.training.calibration import Outputs

sys.path.insert(0, str(Path(__file__).parent))
from small import small_films  # noqa: E402


def film(place, **values):
    row = {
        "film_id": f"a/{place}",
        "source": "a",
        "patient_id": f"p{place}",
        "duplicate_group": None,
        "official_split": None,
        "split": None,
        "covid19": None,
        "pneumonia": None,
        "normal": None,
        "infection_mask": None,
        "opacity_mask": None,
        "lung_mask": None,
    }
    return row | values


def model(path, *films):
    """A model folder that was trained on films."""
    path.mkdir()
    (path / "films.txt").write_text("".join(f"{film_id}\n" for film_id in films))
    return path


def manifest(**configuration):
    return Manifest("m", "1", training=Training(configuration=configuration))


@pytest.fixture
def snapshot(monkeypatch):
    """Eight films, of which 6 is of the patient of 0; networks say by which folder they are."""
    rows = [film(i) for i in range(6)] + [film(6, patient_id="p0"), film(7)]
    monkeypatch.setattr(refit, "read_rows", lambda path: (rows, lambda row, name: path / name))
    monkeypatch.setattr(refit, "find_pack", lambda path, spec: None)

    def load_films(some, resolve, spec, lung_sources, pack):
        return replace(small_films(len(some)), rows=list(some))

    def read_outputs(folder, films):
        maps = np.zeros((len(films), 3, 64, 64), np.uint8)
        return Outputs(films, maps, np.full((len(films), 3), int(folder.name[-1]), np.float32))

    monkeypatch.setattr(refit, "load_films", load_films)
    monkeypatch.setattr(refit, "read_outputs", read_outputs)
    return rows


def test_each_film_is_read_by_the_first_network_that_saw_none_of_its_group(snapshot, tmp_path):
    whole = model(tmp_path / "m0", "a/0", "a/1", "a/2", "a/3", "a/4")
    folds = [
        model(tmp_path / "f1", "a/2", "a/3", "a/4"),
        model(tmp_path / "f2", "a/0", "a/1", "a/4"),
    ]
    told = []
    found = refit.out_of_fold(
        whole, manifest(), tmp_path, snapshot, folds, told.append, work=tmp_path
    )
    by = {
        row["film_id"]: int(logits[0])
        for row, logits in zip(found.films.rows, found.logits, strict=True)
    }
    # 6 is of 0's patient, so the whole model may not read it; no network may read 4.
    assert by == {"a/5": 0, "a/7": 0, "a/0": 1, "a/1": 1, "a/6": 1, "a/2": 2, "a/3": 2}
    assert told == [
        {"network": "m0", "films": 2, "left": 6},
        {"network": "f1", "films": 3, "left": 3},
        {"network": "f2", "films": 2, "left": 1},
    ]


def test_a_model_that_was_trained_on_all_films_needs_folds(snapshot, tmp_path):
    whole = model(tmp_path / "m0", *(row["film_id"] for row in snapshot))
    with pytest.raises(ModelError, match="was trained on every film of .*; give folds"):
        refit.out_of_fold(
            whole, manifest(), tmp_path, snapshot, [], lambda record: None, work=tmp_path
        )


def test_folds_of_an_int8_model_are_read_in_int8_made_once(snapshot, tmp_path, monkeypatch):
    made = []

    def quantize(folder, films, target):
        made.append((folder.name, len(films), films.max() <= 1.0))
        target.mkdir(parents=True)
        (target / "network.xml").touch()

    def read_outputs(folder, films):
        names.append(folder.name)
        maps = np.zeros((len(films), 3, 64, 64), np.uint8)
        return Outputs(films, maps, np.zeros((len(films), 3), np.float32))

    names: list[str] = []
    monkeypatch.setattr(refit, "quantize", quantize)
    monkeypatch.setattr(refit, "read_outputs", read_outputs)
    monkeypatch.setattr(refit, "read_manifest", lambda folder: manifest(seed=3))
    whole = model(tmp_path / "m0", *(row["film_id"] for row in snapshot if row["film_id"] != "a/5"))
    fold = model(tmp_path / "f1", "a/5", "a/7")
    deployed = manifest()
    deployed = replace(deployed, training=replace(deployed.training, precision="int8"))
    for _ in range(2):
        refit.out_of_fold(
            whole, deployed, tmp_path, snapshot, [fold], lambda record: None, work=tmp_path / "w"
        )
    assert names == ["m0", "f1-int8"] * 2  # the model itself is deployed as it is
    assert made == [("f1", 2, True)]


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, ["a/1"]),  # a publisher names validation films of source a alone
        ({"validation_sources": ["b"]}, ["b/2"]),
        ({"validation_sources": ["radiologist"]}, ["general-blockchain/4"]),  # its former name
    ],
)
def test_detection_is_decided_on_the_sources_that_the_model_validates_on(configuration, expected):
    rows = [
        film(0, official_split="train"),
        film(1, official_split="val"),
        film(2, film_id="b/2", source="b", split="val"),
        film(3, split="val", official_split="test"),
        film(4, film_id="general-blockchain/4", source="general-blockchain", split="val"),
    ]
    chosen = refit.validated_on(manifest(**configuration), rows)
    assert [row["film_id"] for row, yes in zip(rows, chosen, strict=True) if yes] == expected


def test_without_a_publishers_validation_films_all_sources_decide():
    rows = [film(0, split="val"), film(1, film_id="b/1", source="b", split="val"), film(2)]
    assert refit.validated_on(manifest(), rows).tolist() == [True, True, False]


def test_validation_sources_of_null_are_all_sources():
    assert refit.validated_on(manifest(validation_sources=None), [film(0, split="val")]).all()


def test_areas_are_measured_on_films_that_the_model_did_not_see_and_nothing_else_changes(
    snapshot, tmp_path, monkeypatch
):
    def read_outputs(folder, films):
        bits = [np.where(films.masks & bit, 255, 0) for bit in (1, 2, 4)]
        maps = np.stack(bits, axis=1).astype(np.uint8)
        maps[:, :2, 16:24] = 0  # a quarter of the lungs is missed where they are infected
        return Outputs(films, maps, np.zeros((len(films), 3), np.float32))

    monkeypatch.setattr(refit, "read_outputs", read_outputs)
    for row in snapshot:
        row["official_split"] = "train" if row["film_id"] == "a/7" else "val"
    folder = model(tmp_path / "m0", "a/0", "a/1")
    before = replace(
        manifest(), metrics={"a": 1}, detection=PlattScaling(0.0, 0.0, 9.0), version="7"
    )
    write_manifest(folder, before)
    told = []
    found = refit.measure_areas(folder, tmp_path, told.append)
    # 7 is a training image; 0 and 1 were trained on, and 6 is of 0's patient.
    assert told == [{"network": "m0", "films": 4, "left": 3}]
    assert found.areas.population == "a val, 2 films"  # of the others no lungs are found
    assert found.areas.infection.all_films.bias == -0.25
    assert found == replace(before, areas=found.areas) == read_manifest(folder)
    assert found.sha256 == before.sha256
