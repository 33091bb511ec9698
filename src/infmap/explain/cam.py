"""Two of the package's methods, changed where theirs would not do here.

Imports ``pytorch_grad_cam``, and with it torch: only ``infmap.explain.activation`` imports this,
when a map is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, ScoreCAM

MASKED_AT_ONCE = 16
"""Masked copies of a film that Score-CAM sends through the network at once."""
# Of the largest activation: what a singular value decomposition in float32 leaves of nothing.
_ROUNDING = 1e-5


class BoundedScoreCAM(ScoreCAM):  # type: ignore[misc]
    """Score-CAM whose memory does not grow with the number of channels, nor its time if so asked.

    The package's own enlarges every channel of every film of the batch at once, more than a
    gigabyte for 16 films of 256x256 and 320 channels, and draws a progress bar a film.

    Args:
        model: to one logit a film.
        layers: the feature map's.
        channels: those of the largest variance over the map, a film, that are weighed (as the
            variant known as Faster Score-CAM chooses them); None for all.
    """

    def __init__(
        self, model: torch.nn.Module, layers: list[torch.nn.Module], channels: int | None = None
    ) -> None:
        super().__init__(model, layers)
        self._channels = channels

    def get_cam_weights(
        self,
        input_tensor: torch.Tensor,
        target_layer: object,
        targets: Sequence[Callable[[torch.Tensor], torch.Tensor]],
        activations: NDArray[np.float32],
        grads: object,
    ) -> NDArray[np.float32]:
        """Softmax over channels of the score of the film seen through each channel.

        Args:
            input_tensor: float32 (N, 1, H, W).
            target_layer: not used.
            targets: callables from an output row to its score, one a film.
            activations: float32 (N, C, h, w).
            grads: not used.

        Returns:
            float32 (N, C), each row sums to 1; 0 for channels that are not weighed.
        """
        weights = np.zeros(activations.shape[:2], np.float32)
        with torch.no_grad():
            for film, target in enumerate(targets):
                scores: list[torch.Tensor] = []
                kept = _most_varied(activations[film], self._channels)
                for start in range(0, len(kept), MASKED_AT_ONCE):
                    part = torch.from_numpy(activations[film, kept[start : start + MASKED_AT_ONCE]])
                    masks = _unit_masks(part.to(self.device), input_tensor.shape[-2:])
                    outputs = self.model(input_tensor[film] * masks[:, None])
                    scores += [target(row).reshape(1) for row in outputs]
                    # Each pass leaves its activations in the package's list.
                    del self.activations_and_grads.activations[1:]
                weights[film, kept] = torch.softmax(torch.cat(scores), dim=0).cpu().numpy()
        return weights


class SignedEigenCAM(EigenCAM):  # type: ignore[misc]
    """Eigen-CAM with a fixed sign: of the principal component the larger side is positive.

    A singular vector has no sign of its own, and what is negative is cut off afterwards.
    """

    def get_cam_image(
        self,
        input_tensor: torch.Tensor,
        target_layer: object,
        targets: Sequence[Callable[[torch.Tensor], torch.Tensor]],
        activations: NDArray[np.float32],
        grads: NDArray[np.float32] | None,
        eigen_smooth: bool = False,
    ) -> NDArray[np.float32]:
        """Projections of activations (N, C, h, w), float32 (N, h, w), zero where these are flat."""
        found: NDArray[np.float32] = super().get_cam_image(
            input_tensor, target_layer, targets, activations, grads, eigen_smooth
        )
        strength = np.abs(activations).max(axis=(1, 2, 3))[:, None, None]
        flat = np.abs(found).max(axis=(1, 2), keepdims=True) <= _ROUNDING * strength
        turned = -found.min(axis=(1, 2), keepdims=True) > found.max(axis=(1, 2), keepdims=True)
        signed: NDArray[np.float32] = np.where(turned, -found, found)
        return np.where(flat, np.float32(0.0), signed)


def _most_varied(channels: NDArray[np.float32], most: int | None) -> NDArray[np.intp]:
    """Places of the channels (C, h, w) of the largest variance, in the channels' order."""
    if most is None or most >= len(channels):
        return np.arange(len(channels))
    # Stable, so that channels of one variance are chosen the same way each time.
    ranked = np.argsort(-channels.var(axis=(1, 2)), kind="stable")
    return np.sort(ranked[:most])


def _unit_masks(channels: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Channels (C, h, w) enlarged to (C, H, W), each min-max scaled to [0, 1]."""
    grown = F.interpolate(channels[None], size=size, mode="bilinear", align_corners=False)[0]
    low, high = grown.amin(dim=(1, 2), keepdim=True), grown.amax(dim=(1, 2), keepdim=True)
    # 1e-8: a constant channel becomes an empty mask instead of NaN.
    return (grown - low) / (high - low + 1e-8)
