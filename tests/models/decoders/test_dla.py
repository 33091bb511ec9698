"""Tests of `infmap.models.decoders.dla`."""

import torch

from infmap.models.decoders.dla import Upsample


def test_dla_starts_with_bilinear_upsampling():
    x = torch.rand(1, 3, 6, 5)
    expected = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(Upsample(3)(x)[inside], expected[inside])
