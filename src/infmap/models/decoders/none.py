"""No decoder: a plain classifier, the kind whose activation maps stand in for infection maps."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from infmap.models.decoders.base import Decoder


class NoDecoder(Decoder):
    """Passes the film on, for its size; has no parameters and offers nothing to read maps from."""

    width = 0

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """The normalised film: see ``Decoder.forward``."""
        return (features[0],)


def build(encoder_channels: Sequence[int], channels: Sequence[int]) -> NoDecoder:
    """Build it: see ``create_decoder``; the widths are not used."""
    return NoDecoder()
