"""benchmarks/readings.py: the mean of readings of a film and of its mirror image."""

import importlib

import numpy as np
import pytest

from infmap.api import model_folder
from infmap.inference.manifest import read_manifest
from infmap.training.calibration import read_outputs
from infmap.training.dataset import render_phantoms


@pytest.fixture
def benchmark(pytestconfig, monkeypatch):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "benchmarks"))
    return importlib.import_module("readings")


def test_one_reading_at_the_size_of_training_is_the_models_own(benchmark):
    folder = model_folder()
    manifest = read_manifest(folder)
    films = render_phantoms(2, manifest.preprocessing)
    mean = benchmark.Mean([benchmark.Reading.of("256")]).read(folder, manifest, films, None)
    own = read_outputs(folder, films)
    assert np.array_equal(mean.maps, own.maps)
    assert np.array_equal(mean.logits, own.logits)


@pytest.mark.parametrize(
    ("readings", "apart"), [("256 256m", 1), ("256 160m", 40), ("192 160m", 40)]
)
def test_a_film_and_its_mirror_image_have_mirrored_maps(benchmark, readings, apart):
    folder = model_folder()
    mean = benchmark.Mean([benchmark.Reading.of(one) for one in readings.split()])
    manifest = read_manifest(folder)
    films = render_phantoms(2, manifest.preprocessing)

    straight, turned = (
        mean.read(folder, manifest, some, None) for some in (films, benchmark.mirrored(films))
    )
    lungs = straight.maps[:, 2] >= 128
    assert lungs.mean() > 0.1
    # At one size the same two readings are averaged, but for rounding; at another size they are
    # close, and nothing is mirrored or moved.
    gap = np.abs(straight.maps.astype(int) - turned.maps[..., ::-1])
    assert np.mean(gap <= apart) > 0.98
    assert np.mean(lungs == (turned.maps[:, 2, :, ::-1] >= 128)) > 0.99
