"""UNet++'s decoder (Zhou et al. 2018, arXiv 1807.10165), of segmentation_models.pytorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from infmap.models.decoders.base import Decoder

if TYPE_CHECKING:
    from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder


class UnetPlusPlus(Decoder):
    """Nested U-Nets: each skip connection is itself decoded, densely.

    Node (d, l) decodes level l of the pyramid and is d levels short of the deepest start: node
    (l, l) joins two levels of the encoder, node (0, l) is U-Net's own, made from all of them. The
    nodes of the finest level are what deep supervision reads.
    """

    def __init__(
        self, parts: UnetPlusPlusDecoder, encoder_channels: Sequence[int], width: int
    ) -> None:
        super().__init__()
        self.blocks = parts.blocks
        self.depth: int = parts.depth
        self.width = width
        self.auxiliary_widths = (encoder_channels[1],) * (self.depth - 1)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Decode a pyramid: see ``Decoder.forward``; auxiliary maps are at stride 2."""
        deep_first = features[:0:-1]
        nodes: dict[tuple[int, int], Tensor] = {}
        for level in range(self.depth):
            for start in range(level, -1, -1):
                below = deep_first[start] if start == level else nodes[start, level - 1]
                made = [nodes[other, level] for other in range(start + 1, level + 1)]
                skip = torch.cat([*made, deep_first[level + 1]], dim=1)
                nodes[start, level] = self.blocks[f"x_{start}_{level}"](below, skip)
        finest = self.depth - 1
        full = self.blocks[f"x_0_{self.depth}"](nodes[0, finest])
        return (full, *(nodes[start, finest] for start in range(1, self.depth)))


def build(encoder_channels: Sequence[int], channels: Sequence[int]) -> UnetPlusPlus:
    """Build it: see ``create_decoder``."""
    from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder

    parts = UnetPlusPlusDecoder(
        encoder_channels=encoder_channels, decoder_channels=channels, n_blocks=len(channels)
    )
    return UnetPlusPlus(parts, encoder_channels, channels[-1])
