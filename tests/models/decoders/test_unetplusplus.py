"""Tests of `infmap.models.decoders.unetplusplus`."""

from __future__ import annotations

import torch

from infmap.models.decoders.unetplusplus import build

ENCODER = (1, 8, 12, 16, 24, 32)


def test_intermediate_features_are_at_stride_2_with_the_encoders_width() -> None:
    decoder = build(ENCODER, (16, 12, 8, 6, 4)).eval()
    features = [torch.randn(1, c, 64 >> k, 64 >> k) for k, c in enumerate(ENCODER)]
    with torch.no_grad():
        _, *auxiliary = decoder(features)
    assert set(decoder.auxiliary_widths) == {8}
    assert [f.shape[1:] for f in auxiliary] == [(8, 32, 32)] * len(decoder.auxiliary_widths)
