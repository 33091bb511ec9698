"""The network: one shared encoder, from which come three maps and the film's class."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from infmap.core.errors import UsageError
from infmap.models.encoders import create_encoder

CLASSES = ("covid19", "other_pneumonia", "normal")
LIGHT_DECODER = (96, 64, 32, 16, 8)


class Output(NamedTuple):
    """Logits of one forward pass, in network pixels.

    Attributes:
        infection: (N, 1, H, W), COVID-19 infection.
        opacity: (N, 1, H, W), any airspace opacity, whatever its cause.
        lungs: (N, 1, H, W), both lungs.
        classes: (N, 3), in the order of ``CLASSES``.
    """

    infection: Tensor
    opacity: Tensor
    lungs: Tensor
    classes: Tensor


class Network(nn.Module):
    """Encoder, decoder and heads.

    The class is read from encoder features averaged over the lungs that the network itself
    found, not over the film: what lies outside (burnt-in text, collimation, a hospital's margins)
    tells the source, and a class read from it would not carry over to another source.
    """

    def __init__(self, encoder: Any, decoder: nn.Module, width: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.maps = nn.Conv2d(width, 3, kernel_size=3, padding=1)
        channels = encoder.out_channels[-2] + encoder.out_channels[-1]
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, len(CLASSES))

    def forward(self, x: Tensor) -> Output:
        """Map films to logits.

        Args:
            x: float32 (N, 1, H, W), range [0, 1], H and W any size of at least 64.

        Returns:
            Logits at the size of the input.
        """
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % 32, 0, -height % 32))
        features = self.encoder(x * 2.0 - 1.0)
        maps = self.maps(self.decoder(features))
        lungs = torch.sigmoid(maps[:, 2:3].detach())
        pooled = torch.cat([_mean_over(f, lungs) for f in features[-2:]], dim=1)
        classes = self.classifier(self.dropout(pooled))
        maps = maps[..., :height, :width]
        return Output(maps[:, 0:1], maps[:, 1:2], maps[:, 2:3], classes)


def _mean_over(features: Tensor, lungs: Tensor) -> Tensor:
    """Mean of features (N, C, h, w) weighted by lung probability (N, 1, H, W): (N, C)."""
    stride = lungs.shape[-1] // features.shape[-1]
    weight = F.avg_pool2d(lungs, kernel_size=stride) + 0.02
    return (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


def _unet(encoder: Any, channels: tuple[int, ...]) -> nn.Module:
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    decoder: nn.Module = UnetDecoder(
        encoder_channels=encoder.out_channels, decoder_channels=channels, n_blocks=len(channels)
    )
    return decoder


DECODERS = {"unet": _unet}
"""Name of a decoder to its builder."""


def create_model(
    decoder: str,
    encoder: str,
    *,
    frozen: bool = False,
    channels: tuple[int, ...] = LIGHT_DECODER,
) -> Network:
    """Build a network by name, randomly initialised.

    Args:
        decoder: a key of ``DECODERS``.
        encoder: a key of ``infmap.models.encoders.ENCODERS``.
        frozen: keep the encoder's weights and batch statistics as they are.
        channels: width of each decoder block, deepest first.

    Raises:
        UsageError: a name is unknown.
    """
    if decoder not in DECODERS:
        raise UsageError(f"unknown decoder {decoder!r}: expected one of {', '.join(DECODERS)}")
    backbone = create_encoder(encoder)
    network = Network(backbone, DECODERS[decoder](backbone, channels), channels[-1])
    if frozen:
        freeze(network)
    return network


def freeze(network: Network) -> None:
    """Stop the encoder from learning: no gradients, and batch statistics that never move."""
    network.encoder.requires_grad_(False)
    network.encoder.eval()
    network.encoder.train = lambda mode=True: network.encoder
