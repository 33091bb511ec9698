"""A manifest that is not right is one line that says which field, what was expected, what came."""

import copy
import json
import math
import os
import shutil

import numpy as np
import pytest

import infmap
from infmap.api import model_folder
from infmap.core.errors import ModelError
from infmap.inference import Manifest, Predictor, Thresholds, read_manifest, write_manifest
from infmap.inference.manifest import MANIFEST, PlattScaling, verify_files


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "model"
    shutil.copytree(model_folder(), target)
    write_manifest(target, read_manifest(target))
    return target


def change(folder, path, value):
    """Set, or with ... delete, one field of the manifest."""
    file = folder / MANIFEST
    values = json.loads(file.read_text())
    at = values
    *parents, last = path.split(".")
    for name in parents:
        at = at[name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    file.write_text(json.dumps(values))


def test_a_manifest_survives_writing_and_reading(tmp_path):
    manifest = Manifest(
        "m",
        "2",
        thresholds=Thresholds(0.4, 0.1, 0.5, "these films", "those films"),
        detection=PlattScaling(0.8, 1.0, -0.5, "these films"),
    )
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert manifest.calibrated_on.probability == "these films"
    assert manifest.calibrated_on.opacity == "those films"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("preprocessing.size", -5, "-5"),
        ("preprocessing.size", 256.5, "preprocessing.size"),
        ("preprocessing.size", "256", "preprocessing.size"),
        ("preprocessing.low", "0.5", "preprocessing.low"),
        ("preprocessing.low", math.nan, "preprocessing.low"),
        ("preprocessing.low", 99.9, "percentiles"),
        ("preprocessing.crop", "square", "crop"),
        ("preprocessing", [], "preprocessing"),
        ("preprocessing.colour", 1, "preprocessing.colour"),
        ("thresholds.infection", 7, "thresholds.infection"),
        ("thresholds.infection", 0, "thresholds.infection"),
        ("thresholds.infection", math.nan, "thresholds.infection"),
        ("thresholds.infection", True, "thresholds.infection"),
        ("thresholds.opacity", 1.0, "thresholds.opacity"),
        ("thresholds.film", 1.5, "thresholds.film"),
        ("thresholds.covid", 0.3, "thresholds.covid"),
        ("thresholds", None, "thresholds"),
        ("detection.class_slope", math.inf, "detection.class_slope"),
        ("detection.peak_slope", "steep", "detection.peak_slope"),
        ("detection.population", 932, "detection.population"),
        ("severity.extents", [], "extents"),
        ("severity.knots", [0, 0, 1], "knots"),
        ("severity.half_widths", [1.0], "severity.half_widths"),
        ("severity.half_widths", [1.0, -1.0], "severity.half_widths"),
        ("severity.alpha", 0.0, "severity.alpha"),
        ("training.films", -1, "training.films"),
        ("training.precision", "int4", "training.precision"),
        ("name", 5, "name"),
        ("name", ..., "name"),
        ("format", 3, "format"),
        ("format", True, "format"),
        ("format", ..., "format"),
        ("files", {"../../etc/passwd": "0" * 64}, "files"),
        ("files", {"network.xml": "short"}, "files.network.xml"),
        ("surprise", 1, "surprise"),
    ],
)
def test_one_wrong_field_is_named(folder, path, value, named):
    change(folder, path, value)
    with pytest.raises(ModelError) as caught:
        read_manifest(folder)
    assert "expected" in str(caught.value)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "5", "null", '"x"', "{", "[" * 100_000, "\xff", "{}"])
def test_what_is_no_object_of_fields_is_said(tmp_path, text):
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match="manifest.json"):
        read_manifest(tmp_path)


def test_a_network_without_a_checksum_is_refused(folder):
    change(folder, "files", {})
    with pytest.raises(ModelError, match="no checksum"):
        verify_files(folder, read_manifest(folder))
    with pytest.raises(ModelError, match="no checksum"):
        infmap.load(folder)


def test_a_tampered_network_is_refused(folder):
    with (folder / "network.bin").open("r+b") as stream:
        stream.write(b"damage")
    with pytest.raises(ModelError, match="checksum differs"):
        infmap.load(folder)
    (folder / "network.bin").unlink()
    with pytest.raises(ModelError, match="missing"):
        infmap.load(folder)


def test_a_size_that_the_network_does_not_take_is_said(folder):
    change(folder, "preprocessing.size", 128)
    with pytest.raises(ModelError, match="size"):
        Predictor(folder)


def test_a_manifest_of_format_1_loads(folder):
    values = json.loads((folder / MANIFEST).read_text())
    values |= {
        "format": 1,
        "thresholds": {"infection": 0.35, "opacity": 0.5, "lungs": 0.5, "covid": 0.3},
        "detection": [1.9, 1.7],
        "severity": {
            "knots": [0, 1],
            "extents": [0, 3.6],
            "half_width": 2.6,
            "map_name": "opacity",
        },
    }
    del values["preprocessing"]["crop"]
    (folder / MANIFEST).write_text(json.dumps(values))
    manifest = read_manifest(folder)
    assert (manifest.thresholds.infection, manifest.thresholds.opacity) == (0.35, 0.5)
    assert manifest.thresholds.covid == 0.3
    assert manifest.detection == PlattScaling(1.9, 0.0, 1.7)
    assert manifest.severity.films == 0
    assert manifest.preprocessing.crop is None


def test_a_users_operating_point_is_that_of_film_and_pixel():
    at = Thresholds(0.4, 0.1, 0.5, "here", "there", film=0.7)
    assert (at.infection, at.covid) == (0.4, 0.7)
    mine = at.at(0.05)
    assert (mine.infection, mine.covid, mine.opacity) == (0.05, 0.05, 0.1)
    assert (mine.infection_chosen_on, mine.opacity_chosen_on) == ("the user", "there")
    assert at.at(0.9).infection_chosen_on == "the user" and at.at(0.9).opacity_chosen_on == "there"
    with pytest.raises(ValueError, match="expected thresholds"):
        at.at(5)


ODD = [None, True, -1, 0, 1, 7, 0.5, 1e308, math.nan, math.inf, "", "x", [], [1], {}, {"a": 1}]


def places(value, path=()):
    yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def test_mutated_manifests_load_or_are_model_errors(folder):
    """Every field replaced, dropped, doubled or renamed: a manifest, or a ModelError."""
    original = json.loads((folder / MANIFEST).read_text())
    original["training"]["configuration"] = {}
    random = np.random.default_rng(11)
    where = [path for path in places(original) if path]
    refused = 0
    for trial in range(3000):
        values = copy.deepcopy(original)
        for _ in range(int(random.integers(1, 3))):
            *parents, last = where[int(random.integers(len(where)))]
            at = values
            try:
                for key in parents:
                    at = at[key]
                kind = trial % 3
                if kind == 0:
                    at[last] = ODD[int(random.integers(len(ODD)))]
                elif kind == 1:
                    del at[last]
                else:
                    at["other" if isinstance(at, dict) else last] = at[last]
            except (KeyError, IndexError, TypeError):
                continue
        (folder / MANIFEST).write_text(json.dumps(values))
        try:
            read_manifest(folder)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 2000


def test_a_wrong_curve_is_a_short_line(folder):
    change(folder, "severity.knots", [0.0, *(0.001 * i for i in range(500)), 7.0])
    with pytest.raises(ModelError, match=r"severity: .*\.\.\.") as caught:
        read_manifest(folder)
    assert len(str(caught.value)) < 300 + len(str(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_a_network_is_not_waited_for(folder):
    (folder / "network.bin").unlink()
    os.mkfifo(folder / "network.bin")
    with pytest.raises(ModelError, match=r"network\.bin: is missing"):
        infmap.load(folder)
