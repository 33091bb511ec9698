"""One contract over both runtimes, on the shipped model and the phantom's films."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import infmap
from infmap.api import model_folder
from infmap.core.errors import ModelError, RejectedFilm, UsageError
from infmap.inference import RUNTIMES, read_manifest, write_manifest
from infmap.phantom import sample_films


@pytest.fixture(scope="module")
def samples():
    return dict(sample_films())


@pytest.fixture(scope="module", params=sorted(RUNTIMES))
def model(request):
    return infmap.load(runtime=request.param)


def test_maps_come_back_in_the_films_own_grid(model, samples):
    film = next(iter(samples.values())).pixels[:, 20:-40]
    p = model.predict(film)
    assert p.infection.shape == p.opacity.shape == p.lungs.shape == film.shape
    assert p.infection.dtype == p.opacity.dtype == np.float32
    assert 0.0 <= p.infection.min() <= p.infection.max() <= 1.0


def test_lungs_of_the_phantom_are_found(model, samples):
    for name, film in samples.items():
        found = model.predict(film.pixels).lungs
        dice = 2 * (found & film.lungs).sum() / (found.sum() + film.lungs.sum())
        assert dice > 0.8, (name, dice)


def test_fractions_agree_with_the_masks(model, samples):
    p = model.predict(list(samples.values())[-2].pixels)
    share = (p.infected & p.lungs).sum() / p.lungs.sum()
    assert p.infected_fraction == pytest.approx(share, abs=0.02)
    opaque = (p.opaque & p.lungs).sum() / p.lungs.sum()
    assert p.opacity_fraction == pytest.approx(opaque, abs=0.02)
    sides = sorted((p.opacity_fraction_left, p.opacity_fraction_right))
    assert sides[0] <= p.opacity_fraction <= sides[1]


def test_more_opacity_gives_a_higher_extent(model, samples):
    def extent(film):
        return model.predict(film.pixels).severity.extent_score

    healthy = [extent(f) for f in samples.values() if not f.infection.any()]
    widest = max(samples.values(), key=lambda f: f.infection.sum())
    assert extent(widest) > max(healthy)


def test_threads_share_one_model(model, samples):
    films = [f.pixels for f in samples.values()]
    alone = [model.predict(f).covid_probability for f in films]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda f: model.predict(f).covid_probability, films))
    assert together == pytest.approx(alone, abs=1e-3)


def test_both_runtimes_agree(samples):
    film = max(samples.values(), key=lambda f: f.infection.sum()).pixels
    one, other = (infmap.load(runtime=name).predict(film) for name in sorted(RUNTIMES))
    # One network is int8, the other float32: masks agree closely, calibrated log-odds less so.
    assert one.covid_probability == pytest.approx(other.covid_probability, abs=0.2)
    both = (one.infected & other.infected).sum()
    assert both > 0
    assert 2 * both >= 0.90 * (one.infected.sum() + other.infected.sum())


def test_a_blank_film_is_rejected_with_a_reason(model):
    with pytest.raises(RejectedFilm) as caught:
        model.predict(np.full((300, 300), 0.5, np.float32))
    assert caught.value.reason


def test_a_damaged_model_folder_is_named(tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model_folder(), folder)
    with (folder / "network.bin").open("r+b") as stream:
        stream.write(b"damage")
    with pytest.raises(ModelError, match="checksum"):
        infmap.load(folder)
    with pytest.raises(ModelError, match="no model folder"):
        infmap.load(tmp_path)
    with pytest.raises(ModelError, match="shipped"):
        infmap.load("no-such-model")


def test_a_plain_classifier_is_refused(tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model_folder(), folder)
    manifest = read_manifest(folder)
    training = replace(manifest.training, configuration={"network": {"decoder": "none"}})
    write_manifest(folder, replace(manifest, training=training))
    with pytest.raises(ModelError, match="plain classifier"):
        infmap.load(folder)


def test_unknown_runtime_and_device_are_wrong_use():
    with pytest.raises(UsageError, match="openvino"):
        infmap.load(runtime="abacus")
    with pytest.raises(UsageError, match="device"):
        infmap.load(device="NPU")


def test_an_answer_names_its_model_and_operating_points(samples):
    film = samples["severe-bilateral-peripheral"].pixels
    plain, other = (infmap.load(threshold=t).predict(film) for t in (None, 0.6))
    assert plain.model_sha256 == other.model_sha256 and len(plain.model_sha256) == 64
    assert other.thresholds["infection"] == 0.6 != plain.thresholds["infection"]
    assert set(plain.thresholds) == {"lungs", "opacity", "infection", "covid"}
