"""Lungs of films whose lung masks are unknown."""

import numpy as np
import torch

from infmap.core.types import Truth
from infmap.models import create_model
from infmap.training.config import TrainingConfig
from infmap.training.dataset import INFECTION, LUNGS, Films
from infmap.training.regions import with_lungs

SETTINGS = TrainingConfig.model_validate(
    {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 1, "size": 64, "sources": {"a": 1}}],
        "precision": "float32",
        "device": "cpu",
    }
)


def films(*lungs):
    n = len(lungs)
    truth = np.full((n, 3), Truth.UNKNOWN, np.uint8)
    truth[:, 2] = lungs
    masks = np.full((n, 64, 64), INFECTION, np.uint8)
    masks[:, :8, :8] |= LUNGS
    rows = [{"film_id": f"a/{i}", "source": "a"} for i in range(n)]
    return Films(rows, np.zeros((n, 64, 64), np.uint8), masks, truth, np.zeros(n, np.int64))


def test_unknown_lungs_are_those_that_the_network_finds_and_stay_unknown():
    network = create_model("unet", "efficientnet_lite0")
    with torch.no_grad():
        network.maps.weight.zero_()
        network.maps.bias.copy_(torch.tensor([-9.0, -9.0, 9.0]))
    given = films(Truth.DENSE, Truth.UNKNOWN)
    found = with_lungs(given, network, SETTINGS)
    assert np.array_equal(found.masks[0], given.masks[0])
    assert (found.masks[1] == INFECTION | LUNGS).all()
    assert np.array_equal(found.truth, given.truth)
    assert not (given.masks[1] == INFECTION | LUNGS).all()


def test_films_with_lungs_need_no_network():
    given = films(Truth.DENSE)
    assert with_lungs(given, None, SETTINGS) is given
