"""The network: one shared encoder, from which come three maps and the film's class."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from infmap.core.errors import UsageError
from infmap.core.types import CLASSES
from infmap.models.decoders import Decoder, create_decoder
from infmap.models.encoders import Encoder, create_encoder

# Channels, deepest first; chosen by hand.
LIGHT_DECODER = (96, 64, 32, 16, 8)
Infection = Literal["independent", "conditional"]
"""Where the infection map comes from: a head of its own, or opacity times P(COVID-19 | opacity)."""
NO_MAP_LOGIT = -10.0
"""The constant logit of every map where there is no decoder: a probability of 0.00005."""
LUNG_FLOOR = 0.02
"""Weight of a pixel outside the lungs where one in the lungs weighs 1: a film whose lungs are not
found still has a mean."""
CLEAR_LUNG = 0.003
"""Weight of a clear lung pixel where an opaque one weighs 1. An opacity of a hundredth of the lungs
then has three quarters of the weight; without any, the mean is that of the lungs."""
OUTSIDE = 1e-5
"""The same of a pixel outside the lungs."""


class Output(NamedTuple):
    """Logits of one forward pass, in network pixels.

    Attributes:
        infection: (N, 1, H, W), COVID-19 infection.
        opacity: (N, 1, H, W), any airspace opacity, whatever its cause.
        lungs: (N, 1, H, W), both lungs.
        classes: (N, 3), in the order of ``CLASSES``.
        auxiliary: deep supervision's intermediate maps, each (N, 3, H, W): infection, opacity,
            lungs; the last made first. Empty without deep supervision and in evaluation.
    """

    infection: Tensor
    opacity: Tensor
    lungs: Tensor
    classes: Tensor
    auxiliary: tuple[Tensor, ...] = ()

    @property
    def maps(self) -> Tensor:
        """(N, 3, H, W): infection, opacity, lungs."""
        return torch.cat([self.infection, self.opacity, self.lungs], dim=1)


class Network(nn.Module):
    """Encoder, decoder and heads.

    The class is read from encoder features averaged over a region that the network itself found,
    not over the film: what lies outside (burned-in annotation, collimation, a hospital's margins)
    tells the source, and a class read from it does not carry over to another source. Without a
    decoder nothing is found and the average is over the whole film.

    With ``infection="independent"`` the infection map has a head of its own and the class is read
    from the lungs. With ``"conditional"`` infection = opacity x P(COVID-19 | an opacity), where the
    second factor is one number a film, read from the opaque part of the lungs alone: a film without
    opacity has no infection, whatever its hospital looks like (docs/decisions/023).

    Attributes:
        infection: see above.
        frozen: the encoder does not learn, and stays in evaluation mode whatever ``train`` says.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        # 0.2: EfficientNet-lite0's own.
        dropout: float = 0.2,
        *,
        infection: Infection = "independent",
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        self.frozen = False
        self.infection = infection
        self.encoder = encoder
        self.decoder = decoder
        self.maps = _map_head(decoder.width, infection) if decoder.width else _NoMaps()
        channels = encoder.out_channels[-2] + encoder.out_channels[-1]
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, len(CLASSES))
        widths = decoder.auxiliary_widths if deep_supervision else ()
        self.auxiliary = nn.ModuleList(_map_head(width, infection) for width in widths)

    def forward(self, x: Tensor) -> Output:
        """Map films to logits.

        Args:
            x: float32 (N, 1, H, W), range [0, 1], H and W any size of at least 64.

        Returns:
            Logits at the size of the input.
        """
        height, width = x.shape[-2:]
        # 32: the deepest stride. At the lower right, so that coordinates stay.
        x = F.pad(x, (0, -width % 32, 0, -height % 32))
        features = self.encoder(x)
        decoded, *intermediate = self.decoder(features)
        maps = self.maps(decoded)
        # Detached: the class must not move the lungs or the opacity to where it finds it easier.
        region = self._region(maps.detach())
        pooled = torch.cat([_mean_over(f, region) for f in features[-2:]], dim=1)
        classes = self.classifier(self.dropout(pooled))
        maps = maps[..., :height, :width]
        auxiliary: tuple[Tensor, ...] = ()
        if self.training and self.auxiliary:
            coarse = [head(f) for head, f in zip(self.auxiliary, intermediate, strict=True)]
            full = [F.interpolate(m, size=x.shape[-2:], mode="bilinear") for m in coarse]
            auxiliary = tuple(
                torch.cat([self._infection(m, classes), m[:, -2:]], dim=1)[..., :height, :width]
                for m in full
            )
        return Output(
            self._infection(maps, classes), maps[:, -2:-1], maps[:, -1:], classes, auxiliary
        )

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def _region(self, maps: Tensor) -> Tensor:
        """Weight of each pixel for the class, (N, 1, H, W), from the heads' logits."""
        lungs = torch.sigmoid(maps[:, -1:])
        if self.infection == "independent":
            return lungs + LUNG_FLOOR
        return lungs * (torch.sigmoid(maps[:, -2:-1]) + CLEAR_LUNG) + OUTSIDE

    def _infection(self, maps: Tensor, classes: Tensor) -> Tensor:
        """Infection (N, 1, H, W) from what a head gives: its own map, then opacity and lungs."""
        if maps.shape[1] == 3:
            return maps[:, :1]
        covid19 = (classes[:, 0] - classes[:, 1]).view(-1, 1, 1, 1)
        return both_logit(maps[:, :1], covid19)


def both_logit(first: Tensor, second: Tensor) -> Tensor:
    """Logit of the product of two probabilities given by their logits, of shapes that broadcast.

    With p = 1 / (1 + e^-a) and q = 1 / (1 + e^-b), (1 - pq) / pq = e^-a + e^-b + e^-(a + b).
    """
    first, second = torch.broadcast_tensors(first.float(), second.float())
    return -torch.logsumexp(torch.stack([-first, -second, -first - second]), dim=0)


class _NoMaps(nn.Module):
    """Maps that say "nothing found" everywhere, the size of their input; no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.full_like(x[:, :1], NO_MAP_LOGIT).repeat(1, 3, 1, 1)


def _map_head(width: int, infection: Infection) -> nn.Module:
    return nn.Conv2d(width, 3 if infection == "independent" else 2, kernel_size=3, padding=1)


def _mean_over(features: Tensor, region: Tensor) -> Tensor:
    """Mean of features (N, C, h, w) weighted by a region (N, 1, H, W), positive: (N, C)."""
    stride = region.shape[-1] // features.shape[-1]
    weight = F.avg_pool2d(region, kernel_size=stride)
    return (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


def create_model(
    decoder: str,
    encoder: str,
    *,
    frozen: bool = False,
    channels: tuple[int, ...] = LIGHT_DECODER,
    infection: Infection = "independent",
    deep_supervision: bool = False,
) -> Network:
    """Build a network by name, randomly initialised.

    Args:
        decoder: a key of ``infmap.models.decoders.DECODERS``.
        encoder: a key of ``infmap.models.encoders.ENCODERS``.
        frozen: keep the encoder's weights and batch statistics as they are.
        channels: width of each decoder block, deepest first.
        infection: "independent" or "conditional", see ``Network``.
        deep_supervision: in training, give intermediate maps too; "unet++" only.

    Raises:
        UsageError: a name is unknown, or the decoder has no intermediate maps to supervise.
    """
    backbone = create_encoder(encoder)
    head = create_decoder(decoder, backbone.out_channels, channels)
    if deep_supervision and not head.auxiliary_widths:
        raise UsageError(f"deep supervision needs the decoder 'unet++', got {decoder!r}")
    network = Network(backbone, head, infection=infection, deep_supervision=deep_supervision)
    if frozen:
        freeze(network)
    return network


def freeze(network: Network) -> None:
    """Stop the encoder from learning: no gradients, and batch statistics that never move."""
    network.frozen = True
    network.encoder.requires_grad_(False)
    network.encoder.eval()
