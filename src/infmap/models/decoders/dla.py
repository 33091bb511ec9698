"""Deep layer aggregation as a decoder (Yu et al. 2018, arXiv 1707.06484, section 3 and figure 4).

Iterative deep aggregation (IDA) joins a level with what is deeper, one input after another.
Repeated from the deepest level up, each time over all that the last time made, it becomes
hierarchical: the finest level is aggregated from every level through every other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from infmap.models.decoders.base import Decoder


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU: a projection (kernel 1) or a node (kernel 3)."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Upsample(nn.ConvTranspose2d):
    """Twice the size, channel by channel, learned: it starts as bilinear interpolation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 4, stride=2, padding=1, groups=channels, bias=False)
        # The kernel of bilinear interpolation at twice the size, along one axis.
        ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
        with torch.no_grad():
            self.weight.copy_(torch.outer(ramp, ramp).expand_as(self.weight))


class IterativeAggregation(nn.Module):
    """Joins one level with maps of the next deeper level, one after another.

    Args:
        level: channels of the level.
        deeper: channels of each map at twice its stride.
        width: channels of every result.
    """

    def __init__(self, level: int, deeper: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = Unit(level, width, 1)
        self.lifts = nn.ModuleList(
            nn.Sequential(Unit(inputs, width, 1), Upsample(width)) for inputs in deeper
        )
        self.nodes = nn.ModuleList(Unit(2 * width, width, 3) for _ in deeper)

    def forward(self, level: Tensor, deeper: list[Tensor]) -> list[Tensor]:
        """Every partial aggregate, all (N, width, h, w) at the level's stride; the last has all."""
        x = self.project(level)
        made = []
        for lift, node, below in zip(self.lifts, self.nodes, deeper, strict=True):
            x = node(torch.cat([x, lift(below)], dim=1))
            made.append(x)
        return made


class DeepLayerAggregation(Decoder):
    """Iterative aggregation at strides 16, 8, 4 and 2, hierarchically, then up to stride 1."""

    def __init__(self, encoder_channels: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        # From stride 16 to stride 2; the deepest is what the first aggregation starts from.
        levels = encoder_channels[-2:0:-1]
        deeper = [encoder_channels[-1]]
        stages = []
        for level, width in zip(levels, channels[:-1], strict=True):
            stages.append(IterativeAggregation(level, deeper, width))
            deeper = [level, *[width] * len(deeper)]
        self.stages = nn.ModuleList(stages)
        self.width = channels[-1]
        self.lift = nn.Sequential(Upsample(channels[-2]), Unit(channels[-2], self.width, 3))

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Decode a pyramid: see ``Decoder.forward``."""
        deeper = [features[-1]]
        for stage, level in zip(self.stages, features[-2:0:-1], strict=True):
            deeper = [level, *stage(level, deeper)]
        return (self.lift(deeper[-1]),)


def build(encoder_channels: Sequence[int], channels: Sequence[int]) -> DeepLayerAggregation:
    """Build it: see ``create_decoder``."""
    return DeepLayerAggregation(encoder_channels, channels)
