"""benchmarks/second_reading.py: the mean of a film's reading and of its mirror image's."""

import importlib

import numpy as np
import pytest

from infmap.api import model_folder
from infmap.inference.manifest import read_manifest
from infmap.training.calibration import read_outputs
from infmap.training.dataset import render_phantoms


@pytest.mark.parametrize(("size", "apart"), [(256, 1), (160, 40)])
def test_a_film_and_its_mirror_image_have_mirrored_maps(pytestconfig, monkeypatch, size, apart):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "benchmarks"))
    second_reading = importlib.import_module("second_reading")
    folder, reader = model_folder(), second_reading.TwoReadings(size)
    manifest = read_manifest(folder)
    films = render_phantoms(2, manifest.preprocessing)

    def both(some):
        return reader._mean(folder, manifest, read_outputs(folder, some), None)

    straight, turned = both(films), both(second_reading.mirrored(films))
    lungs = straight.maps[:, 2] >= 128
    assert lungs.mean() > 0.1
    # At one size the same two readings are averaged, but for rounding; at another size they are
    # close, and nothing is mirrored or moved.
    gap = np.abs(straight.maps.astype(int) - turned.maps[..., ::-1])
    assert np.mean(gap <= apart) > 0.98
    assert np.mean(lungs == (turned.maps[:, 2, :, ::-1] >= 128)) > 0.99
