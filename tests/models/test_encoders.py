"""Tests of `infmap.models.encoders`."""

from __future__ import annotations

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.models.encoders import ENCODERS, create_encoder


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="efficientnet_lite0"):
        create_encoder("vit")


def test_the_film_comes_first_normalised_as_the_weights_expect() -> None:
    encoder = create_encoder("efficientnet_lite0").eval()
    film = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        first, *deeper = encoder(film)
    spec = ENCODERS["efficientnet_lite0"]
    torch.testing.assert_close(first, (film - spec.mean[0]) / spec.std[0])
    assert [64 // f.shape[-1] for f in deeper] == [2, 4, 8, 16, 32]
    assert [f.shape[1] for f in (first, *deeper)] == encoder.out_channels


def test_mean_and_deviation_of_three_channels_travel_with_the_weights() -> None:
    grey = create_encoder("efficientnet_lite0").state_dict()
    colour = create_encoder("resnet50").state_dict()
    assert not {"mean", "std"} & set(grey)
    assert {"mean", "std"} <= set(colour)


def test_every_encoder_says_how_its_input_looks() -> None:
    for name, spec in ENCODERS.items():
        assert len(spec.mean) == len(spec.std) in (1, 3), name
        assert min(spec.std) > 0, name
