"""Random changes of films that a network should not care about, on whole batches.

A batch's changes are a function of its generator alone, so a run can be replayed. Each change
stands for a way in which hospitals differ: position and aspect (films squeezed to a square),
grey levels (detectors, processing, screenshots), sharpness and noise, burned-in text, and all that
lies outside the lungs.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from infmap.training.style import change_style
from infmap.training.transfer import transfer_opacities


def augment(
    images: Tensor,
    masks: Tensor,
    empty: Tensor,
    size: int,
    generator: Generator,
    strength: float = 1.0,
    *,
    style: float = 0.0,
    transfer: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Change a batch at random.

    Args:
        images: float32 (N, 1, S, S) in [0, 1].
        masks: float32 (N, 3, S, S) in {0, 1}: infection, opacity, lungs.
        empty: bool (N,), films known to have no opacity.
        size: side of the result, a multiple of 8.
        generator: source of all randomness.
        strength: scale of the changes of position, grey levels and sharpness, [0, 1]; 0 leaves a
            film as it is but for mirroring.
        style: scale of the exchange of style between films, see ``style``.
        transfer: share of the empty films that get another film's opacities, see ``transfer``.

    Returns:
        images (N, 1, size, size) in [0, 1]; masks (N, 3, size, size) in {0, 1}; and bool (N,),
        films that got another's opacities: their class and their infection are unknown.
    """
    n, _, stored, _ = images.shape
    grid = F.affine_grid(
        _transforms(n, generator, strength), [n, 1, stored, stored], align_corners=False
    )
    stacked = F.grid_sample(
        torch.cat([images, masks], dim=1), grid, mode="bilinear", align_corners=False
    )
    stacked = _resized(stacked, size)
    images, masks = stacked[:, :1], (stacked[:, 1:] >= 0.5).float()
    moved = transfer_opacities(images, masks, empty, generator, transfer)
    if style:
        images = change_style(images, masks[:, 2:3], generator, style)
    images = _swap_outside(images, masks[:, 2:3], generator, strength)
    images = _tone(images, generator, strength)
    images = _burn_in(images, generator, strength)
    images = _degrade(images, generator, strength)
    return images.clamp(0.0, 1.0), masks, moved


def _resized(planes: Tensor, size: int) -> Tensor:
    """Planes (N, C, S, S) at (N, C, size, size): bilinear, antialiased on reduction.

    The filter of ``infmap.inference.preprocess.resize``, so that a stage of small films shows the
    network what prediction at that size would.
    """
    if planes.shape[-1] == size:
        return planes
    return F.interpolate(planes, size=(size, size), mode="bilinear", antialias=True)


def _uniform(n: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _chosen(n: int, probability: float, generator: Generator) -> Tensor:
    return torch.rand(n, generator=generator) < probability


def _transforms(n: int, generator: Generator, strength: float) -> Tensor:
    """Random affine maps (N, 2, 3): rotation, zoom, squeeze, shift, mirror."""
    angle = torch.randn(n, generator=generator) * math.radians(5.0) * strength
    zoom = torch.exp(torch.randn(n, generator=generator) * 0.10 * strength)
    squeeze = torch.exp(torch.randn(n, generator=generator) * 0.08 * strength)
    mirror = torch.where(_chosen(n, 0.5, generator), -1.0, 1.0)
    sx, sy = zoom * squeeze, zoom / squeeze
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = mirror * sx * cos, -sx * sin
    theta[:, 1, 0], theta[:, 1, 1] = mirror * sy * sin, sy * cos
    theta[:, :, 2] = torch.randn(n, 2, generator=generator) * 0.05 * strength
    return theta


def _swap_outside(images: Tensor, lungs: Tensor, generator: Generator, strength: float) -> Tensor:
    """Replace what lies well outside the lungs by another film's, or by grey."""
    n, _, size, _ = images.shape
    # Dilated by a sixteenth of the side, on an eighth of the grid: a pool of that reach on the
    # whole grid would cost more than the network's forward pass.
    small = F.max_pool2d(lungs, 8)
    reach = max(1, size // 128)
    small = F.max_pool2d(small, 2 * reach + 1, stride=1, padding=reach)
    near = F.interpolate(small, size=(size, size), mode="bilinear")
    has_lungs = lungs.flatten(1).sum(dim=1) > 0
    other = images[torch.randperm(n, generator=generator)]
    grey = _uniform(n, 0.0, 1.0, generator).view(n, 1, 1, 1).expand_as(images)
    other = torch.where(_chosen(n, 0.5, generator).view(n, 1, 1, 1), other, grey)
    use = (_chosen(n, 0.15 * strength, generator) & has_lungs).view(n, 1, 1, 1)
    return torch.where(use, near * images + (1.0 - near) * other, images)


def _tone(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """A random monotone curve of grey levels through nine knots, on most films."""
    n = images.shape[0]
    spread = _uniform(n, 0.1, 0.9, generator).view(n, 1)
    steps = torch.exp(torch.randn(n, 8, generator=generator) * spread)
    knots = F.pad(steps.cumsum(dim=1), (1, 0))
    knots = knots / knots[:, -1:]
    gamma = torch.exp(torch.randn(n, generator=generator) * 0.25).view(n, 1)
    low = _uniform(n, 0.0, 0.12, generator).view(n, 1)
    high = _uniform(n, 0.85, 1.0, generator).view(n, 1)
    knots = low + (high - low) * knots.pow(gamma)
    position = images.flatten(1).clamp(0.0, 1.0) * 8.0
    index = position.long().clamp(max=7)
    start, end = knots.gather(1, index), knots.gather(1, index + 1)
    curved = (start + (end - start) * (position - index)).view_as(images)
    use = _chosen(n, 0.8 * strength, generator).view(n, 1, 1, 1)
    return torch.where(use, curved, images)


def _burn_in(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Bright or dark boxes where markers and text are burned in: towards the margins."""
    n, _, size, _ = images.shape
    images = images.clone()
    for i in torch.nonzero(_chosen(n, 0.3 * strength, generator)).flatten().tolist():
        for _ in range(int(torch.randint(1, 4, (1,), generator=generator))):
            h, w = (torch.rand(2, generator=generator) * size * 0.10 + 3).long().tolist()
            y, x = (torch.rand(2, generator=generator) * (size - max(h, w))).long().tolist()
            if 0.25 * size < x < 0.75 * size:
                y = 0 if y < size // 2 else size - h
            texture = (torch.rand(1, 1, h, w, generator=generator) > 0.4).float()
            level = float(torch.rand(1, generator=generator))
            patch = images[i : i + 1, :, y : y + h, x : x + w]
            images[i : i + 1, :, y : y + h, x : x + w] = torch.where(texture > 0, level, patch)
    return images


def _degrade(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Blur by halving and doubling, sharpen, and add noise."""
    n, _, size, _ = images.shape
    factor = float(_uniform(1, 0.4, 0.8, generator))
    small = F.interpolate(images, scale_factor=factor, mode="bilinear", antialias=True)
    soft = F.interpolate(small, size=(size, size), mode="bilinear")
    amount = _uniform(n, -0.8, 1.0, generator).view(n, 1, 1, 1)
    use = _chosen(n, 0.35 * strength, generator).view(n, 1, 1, 1)
    images = torch.where(use, images + amount * (soft - images), images)
    level = _uniform(n, 0.0, 0.05, generator).view(n, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator) * level
    use = _chosen(n, 0.3 * strength, generator).view(n, 1, 1, 1)
    return torch.where(use, images + noise, images)
