"""Opacities of one film laid over the clear lungs of another.

A network that sees opacities in some hospitals and clear lungs in others learns the hospitals. Here
the opacities of a film with a mask are moved onto a film that is known to have none: the same
opacity in another hospital's style, with a mask known to the pixel. Copy-paste augmentation
(Ghiasi et al. 2021, arXiv 2012.07177), with the lungs as the common frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SMALLEST_OPACITY = 0.002
"""Of a donor, share of the image: some 130 pixels of 256 x 256."""
SMALLEST_LUNGS = 0.05
"""Of either film, share of the image; below, the lungs were not found."""
SOFT = 0.03
"""Width of the margin over which an opacity fades, share of the side: that of a drawn boundary's
uncertainty."""
FEWEST_CLEAR = 50
"""Clear lung pixels of a donor below which its darkest tenth stands for them."""


def transfer_opacities(
    images: Tensor, masks: Tensor, empty: Tensor, generator: Generator, share: float
) -> Tensor:
    """Lay opacities of other films of the batch over films without, in place.

    Args:
        images: float32 (N, 1, S, S) in [0, 1]; changed.
        masks: float32 (N, 3, S, S) in {0, 1}: infection, opacity, lungs; a film that gets an
            opacity gets its mask as opacity, and no infection: a moved opacity has no cause.
        empty: bool (N,), films known to have no opacity.
        generator: source of all randomness.
        share: of the empty films that get one.

    Returns:
        bool (N,), the films that got one.
    """
    size = images.shape[-1]
    area = masks.flatten(2).mean(dim=2)
    fit = area[:, 2] >= SMALLEST_LUNGS
    donors = torch.nonzero((area[:, 1] >= SMALLEST_OPACITY) & fit).flatten()
    changed = torch.zeros(len(images), dtype=torch.bool)
    wanted = torch.rand(len(images), generator=generator) < share
    if not len(donors):
        return changed
    for film in torch.nonzero(empty & wanted & fit & (area[:, 1] == 0)).flatten().tolist():
        donor = int(donors[int(torch.randint(len(donors), (1,), generator=generator))])
        window = _box(masks[film, 2])
        moved = torch.cat([images[donor], masks[donor, 1:]])[(slice(None), *_box(masks[donor, 2]))]
        receiver, lungs = images[film, 0][window], masks[film, 2][window] > 0.5
        moved = F.interpolate(moved[None], size=receiver.shape, mode="bilinear", antialias=True)[0]
        if float(torch.rand(1, generator=generator)) < 0.5:
            moved = moved.flip(-1)
        opaque = (moved[1] > 0.5) & lungs
        images[film, 0][window] = _blend(receiver, lungs, moved, opaque, size, generator)
        masks[film, 1][window] = opaque.float()
        changed[film] = bool(opaque.any())
    return changed


def _blend(
    receiver: Tensor, lungs: Tensor, moved: Tensor, opaque: Tensor, size: int, generator: Generator
) -> Tensor:
    """The receiver's lungs (h, w) with the moved film's opacity (h, w) over them.

    The donor's grey levels are brought to the receiver's by mean and spread of their clear lungs.
    Half of the films get the donor's pixels, half its excess brightness added to their own, so that
    the receiver's ribs and vessels show through.
    """
    donor, donor_lungs = moved[0], moved[2] > 0.5
    clear = donor[donor_lungs & (moved[1] < 0.5)]
    if len(clear) >= FEWEST_CLEAR:
        level, spread = clear.mean(), clear.std() + 0.02
    else:
        inside = donor[donor_lungs] if bool(donor_lungs.any()) else donor.flatten()
        level, spread = inside.quantile(0.1), inside.std() + 0.02
    own = receiver[lungs]
    gain = ((own.std() + 0.02) / spread).clamp(0.6, 1.6)
    soft = opaque.float()[None, None]
    width = max(3, int(size * SOFT)) | 1
    for _ in range(2):
        soft = F.avg_pool2d(soft, width, stride=1, padding=width // 2, count_include_pad=False)
    strength = soft[0, 0] * (0.6 + 0.4 * float(torch.rand(1, generator=generator)))
    if float(torch.rand(1, generator=generator)) < 0.5:
        excess = (donor - level).clamp(min=0.0) * gain * strength
        # Film saturates: brightness adds less where there is little left to 1.
        return (receiver + excess * (1.0 - receiver).clamp(min=0.0).sqrt()).clamp(0.0, 1.0)
    there = (donor - level) * gain + own.mean()
    there = torch.maximum(there, 0.6 * receiver + 0.4 * there)
    return torch.lerp(receiver, there, strength).clamp(0.0, 1.0)


def _box(mask: Tensor) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask (S, S) that is not empty."""
    rows = torch.nonzero(mask.any(dim=1)).flatten()
    columns = torch.nonzero(mask.any(dim=0)).flatten()
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
