"""What every decoder keeps to, and how one is built by name."""

from __future__ import annotations

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.models.decoders import DECODERS, create_decoder
from infmap.models.decoders.base import Decoder

ENCODER = (1, 8, 12, 16, 24, 32)
WIDTHS = (16, 12, 8, 6, 4)


def pyramid(height: int = 64, width: int = 96) -> list[torch.Tensor]:
    """Random features of a film, at strides 1 to 32."""
    torch.manual_seed(0)
    return [torch.randn(2, c, height >> k, width >> k) for k, c in enumerate(ENCODER)]


@pytest.mark.parametrize("name", DECODERS)
def test_features_come_back_at_the_size_of_the_film(name: str) -> None:
    decoder = create_decoder(name, ENCODER, WIDTHS).eval()
    with torch.no_grad():
        full, *auxiliary = decoder(pyramid())
    assert full.shape[-2:] == (64, 96)
    if decoder.width:
        assert full.shape[1] == decoder.width == WIDTHS[-1]
    assert [f.shape[1] for f in auxiliary] == list(decoder.auxiliary_widths)


@pytest.mark.parametrize("name", sorted(set(DECODERS) - {"none"}))
def test_every_level_of_the_pyramid_counts(name: str) -> None:
    decoder = create_decoder(name, ENCODER, WIDTHS).eval()
    features = [f.requires_grad_() for f in pyramid()]
    decoder(features)[0].square().sum().backward()
    for level, feature in list(enumerate(features))[1:]:
        assert feature.grad is not None and feature.grad.abs().max() > 0, level


def test_unknown_names_and_a_wrong_number_of_widths_are_refused() -> None:
    with pytest.raises(UsageError, match="expected one of unet"):
        create_decoder("no-such-decoder", ENCODER, WIDTHS)
    with pytest.raises(UsageError, match="five widths"):
        create_decoder("unet", ENCODER, WIDTHS[:4])


def test_the_base_decodes_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Decoder().forward([])
