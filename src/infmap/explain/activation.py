"""Activation maps: where the classifier looked, as earlier work read localization from it.

All of them weigh the channels of a feature map by what they mean to the COVID-19 logit and add
them up; they differ in the weights. The feature map is the encoder's, the logit the class head's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError, needs_extra

if TYPE_CHECKING:
    from pytorch_grad_cam.base_cam import BaseCAM
    from torch import Tensor, nn

Builder = Callable[["nn.Module", "list[nn.Module]", "int | None"], "BaseCAM"]

STRIDES = (8, 16, 32)
"""Strides of the feature maps that a map can be read from; 32 is the deepest."""
# Pixels, the deepest stride.
_STEP = 32  # the network pads its input to multiples of this
# Below this share of its largest value a map's range is rounding error, not a place.
_FLAT = 1e-5


def _gradcam(model: nn.Module, layers: list[nn.Module], _: int | None) -> BaseCAM:
    from pytorch_grad_cam import GradCAM

    return GradCAM(model, layers)


def _gradcam_plus_plus(model: nn.Module, layers: list[nn.Module], _: int | None) -> BaseCAM:
    from pytorch_grad_cam import GradCAMPlusPlus

    return GradCAMPlusPlus(model, layers)


def _scorecam(model: nn.Module, layers: list[nn.Module], channels: int | None) -> BaseCAM:
    from infmap.explain.cam import BoundedScoreCAM

    return BoundedScoreCAM(model, layers, channels)


def _layercam(model: nn.Module, layers: list[nn.Module], _: int | None) -> BaseCAM:
    from pytorch_grad_cam import LayerCAM

    return LayerCAM(model, layers)


def _eigencam(model: nn.Module, layers: list[nn.Module], _: int | None) -> BaseCAM:
    from infmap.explain.cam import SignedEigenCAM

    return SignedEigenCAM(model, layers)


METHODS: dict[str, Builder] = {
    "gradcam": _gradcam,
    "gradcam++": _gradcam_plus_plus,
    "scorecam": _scorecam,
    "layercam": _layercam,
    "eigencam": _eigencam,
}
"""Method to what builds it: Selvaraju et al. 2017, Chattopadhay et al. 2018, Wang et al. 2020,
Jiang et al. 2021, Muhammad and Yeasin 2020."""


def activation_maps(
    network: nn.Module,
    images: NDArray[np.float32],
    method: str = "gradcam",
    *,
    stride: int = 32,
    batch_size: int = 16,
    channels: int | None = None,
) -> NDArray[np.float32]:
    """Activation maps of the COVID-19 logit, ``Output.classes[:, 0]``.

    A map is made at the feature map's size, its negative part is cut off (ReLU), it is enlarged
    bilinearly, and each film's is min-max scaled by itself: 1 is the film's own strongest place,
    so a value says nothing across films, and a film without COVID-19 has a strongest place too.
    A film of constant activation gives zeros. ``eigencam`` does not depend on the class.

    The network's class head averages features over the lungs that the network itself found. That
    confines maps that keep the gradient pixel by pixel (``layercam``) to the lungs, and so favours
    them; the others weigh whole channels, and show them outside the lungs too, where the head
    never looked. Multiply maps by the lungs to give every method its best case.

    Args:
        network: with an ``encoder`` that returns feature maps (N, C, h, w), one a stride, and a
            ``forward`` that returns ``infmap.models.Output``. Its mode, ``requires_grad`` and
            gradients are as before afterwards, also after an error; do not use it from another
            thread meanwhile.
        images: float32 (N, 1, H, W), network pixels, [0, 1], sides of at least 64.
        method: a key of ``METHODS``.
        stride: of the feature map, one of ``STRIDES``. A shallower one is finer and means less.
        batch_size: films to the network at once.
        channels: those of the largest variance, a film, that ``scorecam`` weighs, for it sends the
            film through the network once a channel; None for all. The other methods use all.

    Returns:
        float32 (N, H, W), network pixels, [0, 1]. The same input gives the same maps.

    Raises:
        UsageError: no such method, stride or batch size, or images of another kind.
        MissingExtra: torch or grad-cam is not installed.
    """
    _check(images, method, stride, batch_size, channels)
    _require_packages()
    import torch

    maps = np.zeros((len(images), *images.shape[2:]), np.float32)
    device = next(network.parameters()).device
    with _borrowed(network), torch.enable_grad():
        for start in range(0, len(images), batch_size):
            part = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size]))
            found = _maps(network, part.to(device), METHODS[method], stride, channels)
            maps[start : start + batch_size] = found
    return maps


def _check(
    images: NDArray[np.float32], method: str, stride: int, batch_size: int, channels: int | None
) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}: expected one of {', '.join(METHODS)}")
    if stride not in STRIDES:
        raise UsageError(f"expected a stride of {', '.join(map(str, STRIDES))}, got {stride}")
    if batch_size < 1:
        raise UsageError(f"expected a batch size of 1 or more, got {batch_size}")
    if channels is not None and channels < 1:
        raise UsageError(f"expected 1 or more channels, got {channels}")
    if images.ndim != 4 or images.shape[1] != 1 or images.dtype != np.float32:
        raise UsageError(f"expected float32 (N, 1, H, W), got {images.dtype} {images.shape}")
    if min(images.shape[2:]) < 64:
        raise UsageError(f"expected sides of at least 64 pixels, got {images.shape[2:]}")


def _require_packages() -> None:
    """Import what the maps need, torchvision's schemas first: grad-cam imports torchvision."""
    with needs_extra("infmap explain", "train"):
        from infmap.models._torchvision import ensure_importable

        ensure_importable()
        import pytorch_grad_cam  # noqa: F401


@contextmanager
def _borrowed(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode and without gradients of its weights, for a while."""
    modes = [(module, module.training) for module in network.modules()]
    learning = [(weight, weight.requires_grad) for weight in network.parameters()]
    try:
        network.eval()
        network.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, wanted in learning:
            weight.requires_grad_(wanted)


def _maps(
    network: nn.Module, films: Tensor, builder: Builder, stride: int, channels: int | None
) -> NDArray[np.float32]:
    """Maps float32 (N, H, W) of one batch (N, 1, H, W)."""
    import torch.nn.functional as F

    height, width = films.shape[-2:]
    padded = F.pad(films, (0, -width % _STEP, 0, -height % _STEP))
    with _tapped(network, stride, padded.shape[-1]) as (logit, tap):
        cam = builder(logit, [tap], channels)
        try:
            raw = _raw_maps(cam, padded)
        finally:
            cam.activations_and_grads.release()
    return _scaled(raw, padded.shape[-2:], (height, width))


@contextmanager
def _tapped(network: nn.Module, stride: int, width: int) -> Iterator[tuple[nn.Module, nn.Module]]:
    """The network as film to COVID-19 logit, and a module that its feature map passes through.

    The tap is an identity: it returns the encoder's own tensor, so the gradient caught there is
    the whole one, through deeper stages too. It fits any encoder, whatever its layers are named.
    """
    import torch

    tap = torch.nn.Identity()

    def pass_through(_: nn.Module, __: object, features: list[Tensor]) -> None:
        for feature in features:
            if feature.shape[-1] * stride == width:
                tap(feature)
                return
        raise UsageError(f"this network's encoder has no feature map of stride {stride}")

    class Logit(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.network(x).classes[:, :1]
            return logits

    handle = network.get_submodule("encoder").register_forward_hook(pass_through)
    try:
        yield Logit(), tap
    finally:
        handle.remove()


def _raw_maps(cam: BaseCAM, films: Tensor) -> NDArray[np.float32]:
    """The method's maps (N, h, w) at the feature map's size, not yet cut off or scaled.

    The package's own call would also wipe the gradients of the network's weights.
    """
    caught = cam.activations_and_grads
    # The gradient flows to the film, since the weights' own gradients are the caller's.
    films = films.detach().requires_grad_(cam.uses_gradients)
    logits = caught(films)
    gradients = None
    if cam.uses_gradients:
        # Films do not mix in evaluation mode: the sum's gradient is each film's own.
        logits.sum().backward(inputs=[films])
        if not caught.gradients:
            raise UsageError("this network's class does not depend on that feature map")
        gradients = caught.gradients[0].numpy()
    targets = [_first] * len(films)
    activations = caught.activations[0].numpy()
    found = cam.get_cam_image(films.detach(), None, targets, activations, gradients, False)
    return np.asarray(found, np.float32)


def _first(row: Tensor) -> Tensor:
    return row[0]


def _scaled(
    raw: NDArray[np.float32], padded: tuple[int, ...], size: tuple[int, int]
) -> NDArray[np.float32]:
    """ReLU, enlarged to the padded film, cropped to the film, and min-max scaled a film."""
    import torch
    import torch.nn.functional as F

    kept = torch.from_numpy(np.maximum(raw, 0.0))[:, None]
    grown = F.interpolate(kept, size=padded, mode="bilinear", align_corners=False)
    maps = grown[:, 0, : size[0], : size[1]].numpy()
    low = maps.min(axis=(1, 2), keepdims=True)
    high = maps.max(axis=(1, 2), keepdims=True)
    shaped = high - low > _FLAT * high
    span = np.where(shaped, high - low, 1.0)
    scaled: NDArray[np.float32] = np.where(shaped, (maps - low) / span, 0.0).astype(np.float32)
    return scaled
