"""Random changes of a film's style: what tells one hospital's images from another's.

Each change replaces a cue by that of another film of the batch, or takes it away: the grey levels
of the lungs, the coarse spectrum, the resolution, the traces of compression. They are applied to
whole batches, and are a function of their generator alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

MATCHED = 0.3
"""Share of films whose lungs get another film's grey levels, at strength 1. This share and the
three below: chosen by hand, and compared together with none of them on sources left out
(docs/decisions/023)."""
MIXED = 0.3
"""Share of films whose coarse spectrum is mixed with another's."""
COARSENED = 0.4
"""Share of films brought to a lower resolution and back."""
COMPRESSED = 0.3
"""Share of films that go through JPEG."""
QUANTILES = torch.linspace(0.02, 0.98, 9)
"""Of the grey levels of the lungs, between which the curve is linear."""
COARSE = 0.06
"""Spatial frequencies mixed: up to this share of the side in cycles, where brightness, vignetting
and scatter lie, and opacities' texture does not (Yang and Soatto 2020, arXiv 2004.05498)."""
LOWEST = 0.35
"""Lowest resolution, share of the side: 90 of 256 pixels, the detail of a thumbnail in a PDF."""
QUALITIES = (20, 90)
"""Of JPEG, as libjpeg counts them."""
FEWEST = 200
"""Lung pixels below which grey levels have no distribution to speak of."""


def change_style(
    images: Tensor, lungs: Tensor, generator: Generator, strength: float = 1.0
) -> Tensor:
    """Give films of a batch each other's style.

    Args:
        images: float32 (N, 1, S, S) in [0, 1], S a multiple of 8.
        lungs: float32 (N, 1, S, S) in {0, 1}, empty where not known.
        generator: source of all randomness.
        strength: scale of how often each change is made, [0, 1].

    Returns:
        float32 (N, 1, S, S) in [0, 1].
    """
    images = match_lungs(images, lungs, generator, MATCHED * strength)
    images = mix_spectrum(images, generator, MIXED * strength)
    images = coarsen(images, generator, COARSENED * strength)
    return compress(images, generator, COMPRESSED * strength)


def match_lungs(images: Tensor, lungs: Tensor, generator: Generator, share: float) -> Tensor:
    """Bend the grey levels of some films so that their lungs have those of another film.

    The curve is monotone and linear between ``QUANTILES``, from 0 to 0 and from 1 to 1.
    """
    chosen = _some(len(images), share, generator)
    donors = torch.randperm(len(images), generator=generator)
    images, source = images.clone(), images
    for film in chosen:
        own = source[film][lungs[film] > 0.5]
        other = source[donors[film]][lungs[donors[film]] > 0.5]
        if min(len(own), len(other)) >= FEWEST:
            images[film] = _curve(source[film], _knots(own), _knots(other))
    return images


def mix_spectrum(images: Tensor, generator: Generator, share: float) -> Tensor:
    """Mix the amplitudes of low frequencies of some films with another film's; phases stay."""
    n, _, size, _ = images.shape
    chosen = _some(n, share, generator)
    donors = torch.randperm(n, generator=generator)[chosen]
    weight = torch.rand(len(chosen), 1, 1, 1, generator=generator)
    if not chosen:
        return images
    spectrum = torch.fft.rfft2(images[chosen])
    other = torch.fft.rfft2(images[donors]).abs()
    reach = max(1, round(COARSE * size))
    row = torch.fft.fftfreq(size, 1.0 / size).abs() < reach
    low = row[:, None] & (torch.arange(spectrum.shape[-1]) < reach)[None]
    amplitude = spectrum.abs()
    mixed = torch.where(low, torch.lerp(amplitude, other, weight), amplitude)
    images = images.clone()
    images[chosen] = torch.fft.irfft2(torch.polar(mixed, spectrum.angle()), s=(size, size)).clamp(
        0.0, 1.0
    )
    return images


def coarsen(images: Tensor, generator: Generator, share: float) -> Tensor:
    """Bring some films to a lower resolution and back."""
    size = images.shape[-1]
    images = images.clone()
    for film in _some(len(images), share, generator):
        side = int(size * (LOWEST + 0.6 * float(torch.rand(1, generator=generator))))
        mode = "bicubic" if float(torch.rand(1, generator=generator)) < 0.5 else "bilinear"
        small = F.interpolate(
            images[film : film + 1], size=(side, side), mode="bilinear", antialias=True
        )
        images[film] = F.interpolate(small, size=(size, size), mode=mode)[0].clamp(0.0, 1.0)
    return images


def compress(images: Tensor, generator: Generator, share: float) -> Tensor:
    """Round the 8 x 8 cosine transforms of some films as JPEG does (ITU-T T.81, Annex K)."""
    n, _, size, _ = images.shape
    chosen = _some(n, share, generator)
    low, high = QUALITIES
    quality = torch.rand(len(chosen), generator=generator) * (high - low) + low
    if not chosen:
        return images
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality) / 100.0
    steps = (_LUMINANCE * scale.view(-1, 1, 1, 1, 1)).clamp(1.0, 255.0)
    blocks = images[chosen, 0].reshape(-1, size // 8, 8, size // 8, 8).transpose(2, 3)
    rounded = torch.round(_COSINES @ (blocks * 255.0 - 128.0) @ _COSINES.T / steps) * steps
    blocks = (_COSINES.T @ rounded @ _COSINES + 128.0) / 255.0
    images = images.clone()
    images[chosen, 0] = blocks.transpose(2, 3).reshape(-1, size, size).clamp(0.0, 1.0)
    return images


def _some(n: int, share: float, generator: Generator) -> list[int]:
    """Indices of films that a change is made to."""
    chosen: list[int] = torch.nonzero(torch.rand(n, generator=generator) < share).flatten().tolist()
    return chosen


def _knots(values: Tensor) -> Tensor:
    """0, the quantiles of grey levels (n,), and 1; every fourth pixel says as much as all."""
    inner = torch.quantile(values[::4], QUANTILES)
    return torch.cat([inner.new_zeros(1), inner, inner.new_ones(1)])


def _curve(image: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Grey levels (1, S, S) through the line from knots to knots."""
    # Equal knots would divide by 0: each lies at least 1e-4 above the one before.
    start = start + torch.arange(len(start)) * 1e-4
    above = torch.searchsorted(start, image.contiguous()).clamp(1, len(start) - 1)
    low, high = start[above - 1], start[above]
    part = ((image - low) / (high - low)).clamp(0.0, 1.0)
    return torch.lerp(end[above - 1], end[above], part)


_COSINES = torch.tensor(
    [
        [
            math.sqrt((1 if u == 0 else 2) / 8) * math.cos((2 * t + 1) * u * math.pi / 16)
            for t in range(8)
        ]
        for u in range(8)
    ]
)
_LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""Quantization table of luminance at quality 50, T.81 Table K.1."""
