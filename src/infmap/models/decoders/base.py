"""What every decoder is."""

from __future__ import annotations

from torch import Tensor, nn


class Decoder(nn.Module):
    """From an encoder's pyramid to features at the size of the film.

    Attributes:
        width: channels of the features; 0 where there is nothing to read maps from.
        auxiliary_widths: channels of the intermediate features that deep supervision may read,
            the last made first; empty where there are none.
    """

    width: int
    auxiliary_widths: tuple[int, ...] = ()

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Decode a pyramid.

        Args:
            features: six maps at strides 1, 2, 4, 8, 16 and 32, finest first.

        Returns:
            Features (N, width, H, W) at stride 1, then one map for each of ``auxiliary_widths``.
        """
        raise NotImplementedError
