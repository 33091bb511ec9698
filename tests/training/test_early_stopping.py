"""Tests of `infmap.training.early_stopping`."""

import pytest
import torch

from infmap.training.early_stopping import EarlyStopping


def test_patience_keeps_the_best_weights_and_survives_a_checkpoint():
    network = torch.nn.Linear(1, 1)
    watch = EarlyStopping(patience=2)
    for score, over in (
        (0.5, False),
        (0.4, False),
        (0.6, False),
        (0.6, False),
        (float("nan"), True),
    ):
        with torch.no_grad():
            network.weight.fill_(score)
        watch.look(score, network)
        assert watch.over == over
    again = EarlyStopping(patience=2)
    again.restore(watch.state())
    assert again.over
    assert float(again.best["weight"]) == pytest.approx(0.6)
