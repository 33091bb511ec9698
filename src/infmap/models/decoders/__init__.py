"""Decoders by name: from an encoder's pyramid to features at the size of the film."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infmap.core.errors import UsageError
from infmap.models.decoders import dla, none, unet, unetplusplus
from infmap.models.decoders.base import Decoder

DECODERS: dict[str, Callable[[Sequence[int], Sequence[int]], Decoder]] = {
    "unet": unet.build,
    "unet++": unetplusplus.build,
    "dla": dla.build,
    "none": none.build,
}
"""Name of a decoder to its builder: (encoder channels, decoder channels) -> decoder."""


def create_decoder(name: str, encoder_channels: Sequence[int], channels: Sequence[int]) -> Decoder:
    """Build a decoder by name, randomly initialised.

    Args:
        name: a key of ``DECODERS``.
        encoder_channels: channels of the encoder's outputs at strides 1, 2, 4, 8, 16 and 32.
        channels: width of the decoder at strides 16, 8, 4, 2 and 1.

    Raises:
        UsageError: the name is unknown, or there are not five widths.
    """
    if name not in DECODERS:
        raise UsageError(f"unknown decoder {name!r}: expected one of {', '.join(DECODERS)}")
    if len(channels) != 5:
        raise UsageError(f"a decoder has five widths, deepest first; got {tuple(channels)}")
    return DECODERS[name](encoder_channels, channels)


__all__ = ["DECODERS", "Decoder", "create_decoder"]
