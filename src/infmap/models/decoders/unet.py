"""U-Net's decoder (Ronneberger et al. 2015), of segmentation_models.pytorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from infmap.models.decoders.base import Decoder

if TYPE_CHECKING:
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder


class Unet(Decoder):
    """Upsample, join the skip connection, convolve twice; five times."""

    def __init__(self, parts: UnetDecoder, width: int) -> None:
        super().__init__()
        self.blocks = parts.blocks
        self.width = width

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Decode a pyramid: see ``Decoder.forward``."""
        x = features[-1]
        for level, block in enumerate(self.blocks, start=2):
            size = features[-level].shape[-2:]
            skip = features[-level] if level < len(features) else None
            x = block(x, *size, skip_connection=skip)
        return (x,)


def build(encoder_channels: Sequence[int], channels: Sequence[int]) -> Unet:
    """Build it: see ``create_decoder``."""
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    parts = UnetDecoder(
        encoder_channels=encoder_channels, decoder_channels=channels, n_blocks=len(channels)
    )
    return Unet(parts, channels[-1])
