"""Tests of `infmap.training.int8`, with networks whose maps are made here."""

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.training import int8
from infmap.training.calibration import Outputs

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config, small_films  # noqa: E402

FLOAT, INT8 = b"float network", b"int8 network"


def outputs_of(films, infection):
    """Maps that show the true infection at a level, right lungs, and a class that is right."""
    maps = np.zeros((len(films), 3, *films.images.shape[1:]), np.uint8)
    maps[:, 0] = np.where(films.masks & 1, infection, 0)
    maps[:, 2] = np.where(films.masks & 4, 255, 0)
    logits = np.where(films.classes[:, None] == 0, [[4.0, 0.0, 0.0]], [[-4.0, 0.0, 0.0]])
    return Outputs(films, maps, logits.astype(np.float32))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model folder; its int8 copy is made of the films that it is given, kept in ``given``."""
    for name in ("network.xml", "network.bin"):
        (tmp_path / name).write_bytes(FLOAT)
    given = []

    def quantize(source, films, target):
        assert source == tmp_path
        given.append(films)
        target.mkdir()
        for name in ("network.xml", "network.bin"):
            (target / name).write_bytes(INT8)

    monkeypatch.setattr(int8, "quantize", quantize)
    return tmp_path, given


def choose(folder, monkeypatch, *, level, allowed=0.01, val=None):
    """Choose between a float network and an int8 one whose infection has another level."""

    def read_outputs(at, films):
        return outputs_of(films, level if at.name == "int8" else 200)

    monkeypatch.setattr(int8, "read_outputs", read_outputs)
    told = []
    films = small_films()
    chosen = int8.choose_precision(
        folder, films, films if val is None else val, small_config(int8_loss=allowed), told.append
    )
    return chosen, told


def test_an_int8_network_that_loses_nothing_takes_the_float_ones_place(folder, monkeypatch):
    path, given = folder
    chosen, (record,) = choose(path, monkeypatch, level=198)
    assert chosen == "int8"
    assert record == {
        "int8_losses": {"infection Dice": 0.0, "lung Dice": 0.0, "AUROC": 0.0},
        "allowed": 0.01,
    }
    assert (path / "network.xml").read_bytes() == (path / "network.bin").read_bytes() == INT8
    assert sorted(p.name for p in path.iterdir()) == ["network.bin", "network.xml"]
    assert given[0].shape == (12, 64, 64) and given[0].dtype == np.float32
    assert given[0].min() >= 0.0 and given[0].max() <= 1.0


def test_an_int8_network_that_loses_infection_at_the_float_threshold_is_thrown_away(
    folder, monkeypatch
):
    path, _ = folder
    # The float network's best threshold is the lowest that is tried, 0.15; 20 of 255 is below.
    chosen, (record,) = choose(path, monkeypatch, level=20)
    assert chosen == "float"
    assert record["int8_losses"]["infection Dice"] == 1.0
    assert (path / "network.xml").read_bytes() == FLOAT
    assert sorted(p.name for p in path.iterdir()) == ["network.bin", "network.xml"]


@pytest.mark.parametrize(("allowed", "films"), [(None, 12), (0.01, 0)])
def test_nothing_is_quantised_unasked_or_without_a_validation_set(
    folder, monkeypatch, allowed, films
):
    path, given = folder
    chosen, told = choose(
        path, monkeypatch, level=200, allowed=allowed, val=small_films().part(np.arange(12) < films)
    )
    assert (chosen, told, given) == ("float", [], [])


def test_what_the_validation_set_cannot_say_does_not_count(folder, monkeypatch):
    val = small_films()
    val.truth[:] = 0  # nothing is known of infection or lungs
    val.classes[:] = -1
    chosen, (record,) = choose(folder[0], monkeypatch, level=200, val=val)
    assert (chosen, record["int8_losses"]) == ("float", {})
