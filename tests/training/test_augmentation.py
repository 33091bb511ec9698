"""Tests of `infmap.training.augmentation`."""

import pytest
import torch

from infmap.training.augmentation import augment

NONE = torch.zeros(4, dtype=torch.bool)


def test_augmentation_is_replayed_by_its_seed_and_moves_film_and_mask_together():
    image = torch.zeros(4, 1, 64, 64)
    image[..., 20:44, 20:44] = 1.0
    mask = image.expand(4, 3, 64, 64).clone()
    first = augment(image, mask, NONE, 64, torch.Generator().manual_seed(5))
    second = augment(image, mask, NONE, 64, torch.Generator().manual_seed(5))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(first[1], mask)
    inside = (first[0] * first[1][:, :1]).sum() / first[1][:, :1].sum()
    outside = (first[0] * (1 - first[1][:, :1])).sum() / (1 - first[1][:, :1]).sum()
    assert inside > outside + 0.2
    assert float(first[0].min()) >= 0.0 and float(first[0].max()) <= 1.0


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_augmentation_shrinks_without_aliasing(strength):
    rows = (torch.arange(256) % 2).float().view(1, 1, 256, 1).expand(8, 1, 256, 256)
    masks = torch.zeros(8, 3, 256, 256)
    none = torch.zeros(len(rows), dtype=torch.bool)
    images, _, _ = augment(
        rows.clone(), masks, none, 64, torch.Generator().manual_seed(0), strength
    )
    if strength:
        assert images.shape == (8, 1, 64, 64)
    else:  # lines of one pixel become even grey, as in prediction, not stripes
        assert float((images[..., 4:-4, 4:-4] - 0.5).abs().max()) < 0.1
