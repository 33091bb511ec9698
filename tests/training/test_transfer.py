"""Opacities moved from one film's lungs to another's."""

import torch

from infmap.training.augmentation import augment
from infmap.training.transfer import transfer_opacities

SIZE = 96


def batch():
    """A dark-lunged donor with an opacity, and two clear films of another size and level."""
    images = torch.full((3, 1, SIZE, SIZE), 0.7)
    masks = torch.zeros(3, 3, SIZE, SIZE)
    for film, (top, level) in enumerate([(20, 0.2), (30, 0.4), (24, 0.5)]):
        masks[film, 2, top:80, 16:44] = masks[film, 2, top:80, 52:80] = 1.0
        images[film, 0][masks[film, 2] > 0] = level
    images += 0.01 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    masks[0, :2, 50:74, 18:42] = 1.0
    images[0, 0, 50:74, 18:42] = 0.6
    return images, masks, torch.tensor([False, True, False])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_opacity_lands_in_the_lungs_of_a_film_known_to_have_none():
    for seed in range(6):
        images, masks, empty = batch()
        before, old = images.clone(), masks.clone()
        moved = transfer_opacities(images, masks, empty, generator(seed), 1.0)
        assert moved.tolist() == [False, True, False]
        found = masks[1, 1] > 0
        assert 0.05 < found.sum() / masks[1, 2].sum() < 0.4
        assert (masks[1, 2][found] == 1).all()
        assert masks[1, 0].sum() == 0  # no cause
        core = found & (before[1, 0] < 0.5)
        assert float((images[1, 0] - before[1, 0])[core].mean()) > 0.05
        away = masks[1, 2] == 0
        assert float((images[1, 0] - before[1, 0])[away].abs().mean()) < 0.02
        for film in (0, 2):
            assert torch.equal(images[film], before[film])
            assert torch.equal(masks[film], old[film])


def test_nothing_moves_without_a_donor_lungs_or_a_share():
    for change in (
        lambda images, masks, empty: masks[:, 1].zero_(),
        lambda images, masks, empty: masks[1, 2].zero_(),
        lambda images, masks, empty: empty.fill_(False),
    ):
        images, masks, empty = batch()
        change(images, masks, empty)
        before = images.clone()
        assert not transfer_opacities(images, masks, empty, generator(), 1.0).any()
        assert torch.equal(images, before)
    images, masks, empty = batch()
    assert not transfer_opacities(images, masks, empty, generator(), 0.0).any()


def test_augmentation_says_which_films_got_an_opacity():
    images, masks, empty = batch()
    _, changed, moved = augment(
        images, masks, empty, SIZE, generator(1), 0.0, style=1.0, transfer=1.0
    )
    assert moved.tolist() == [False, True, False]
    assert changed[1, 1].sum() > 0
    _, _, none = augment(images, masks, empty, SIZE, generator(1), 0.0)
    assert not none.any()
