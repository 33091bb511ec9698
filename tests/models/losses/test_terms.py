"""Tests of `infmap.models.losses.terms`."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from infmap.models.losses import (
    boundary_loss,
    dice_loss,
    focal_loss,
    pooled_dice_loss,
    presence_loss,
    tversky_loss,
)
from infmap.models.losses.terms import signed_distance


def half(size=8):
    truth = torch.zeros(1, 1, size, size)
    truth[..., : size // 2] = 1.0
    return truth


def test_focal_loss_equals_the_value_by_hand():
    loss = focal_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=2.0)
    assert math.isclose(float(loss), 0.25 * math.log(2.0), rel_tol=1e-6)


def test_alpha_weighs_infected_and_clear_pixels():
    zeros, ones = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    infected = float(focal_loss(zeros, ones, gamma=2.0, alpha=0.25))
    clear = float(focal_loss(zeros, zeros, gamma=2.0, alpha=0.25))
    assert math.isclose(infected, 0.25 * 0.25 * math.log(2.0), rel_tol=1e-6)
    assert math.isclose(clear, 0.75 * 0.25 * math.log(2.0), rel_tol=1e-6)


def test_dice_loss_is_nought_on_a_perfect_map_and_near_one_on_a_wrong_one():
    truth = half()
    logits = (truth * 2.0 - 1.0) * 30.0
    assert float(dice_loss(logits, truth, torch.ones(1))) < 1e-3
    assert float(dice_loss(-logits, truth, torch.ones(1))) > 0.9


def test_pooled_dice_and_tversky_equal_the_values_by_hand():
    logits, truth, known = torch.zeros(1, 1, 8, 8), half(), torch.ones(1)
    # 32 of 64 pixels infected, every probability 0.5: hit 16, alarm 16, miss 16.
    dice = float(pooled_dice_loss(logits, truth, known))
    assert math.isclose(dice, 1 - 33 / 65, rel_tol=1e-6)
    tversky = float(tversky_loss(logits, truth, known))
    assert math.isclose(tversky, 1 - 17 / (17 + 0.3 * 16 + 0.7 * 16), rel_tol=1e-6)


def test_tversky_costs_a_miss_more_than_a_false_alarm():
    truth, known = half(), torch.ones(1)
    miss, alarm = torch.full_like(truth, -30.0), torch.full_like(truth, 30.0)
    assert tversky_loss(miss, truth, known) > tversky_loss(alarm, truth, known)


def test_boundary_loss_equals_the_value_by_hand():
    truth = torch.zeros(1, 1, 1, 4)
    truth[..., :2] = 1.0
    # Distances -2 -1 1 2, capped at 2, over 2; errors -0.5 -0.5 0.5 0.5.
    loss = boundary_loss(torch.zeros(1, 1, 1, 4), truth, reach=2)
    assert math.isclose(float(loss), (0.5 + 0.25 + 0.25 + 0.5) / 4, rel_tol=1e-6)


def test_boundary_loss_costs_a_far_island_more_than_a_near_one():
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 20:44, :16] = 1.0
    near, far = (truth * 2.0 - 1.0) * 30.0, (truth * 2.0 - 1.0) * 30.0
    near[..., 20:44, 16:18] = 30.0
    far[..., 20:44, 60:62] = 30.0
    perfect = boundary_loss((truth * 2.0 - 1.0) * 30.0, truth)
    assert float(perfect) < 1e-6
    assert boundary_loss(far, truth) > 2 * boundary_loss(near, truth)


@pytest.mark.parametrize("shape", [(40, 56), (9, 31)])
def test_signed_distance_equals_scipy(shape):
    rng = np.random.default_rng(0)
    masks = rng.random((3, 1, *shape)) > 0.97
    masks[1] = False
    masks[2] = True
    reach = 8
    for mask, made in zip(masks, signed_distance(torch.tensor(masks), reach), strict=True):
        outside = distance_transform_edt(~mask[0]) if mask.any() else np.full(shape, reach)
        inside = distance_transform_edt(mask[0]) if not mask.all() else np.full(shape, reach)
        expected = np.where(mask[0], -np.minimum(inside, reach), np.minimum(outside, reach))
        np.testing.assert_allclose(made[0].numpy(), expected, atol=1e-5)


def test_terms_equal_monai():
    losses = pytest.importorskip("monai.losses")
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 1, 16, 16, generator=generator)
    truth = (torch.rand(3, 1, 16, 16, generator=generator) > 0.7).float()
    truth[2] = 0.0
    known = torch.ones(3)
    focal = losses.FocalLoss(gamma=2.0, alpha=0.25)(logits, truth)
    torch.testing.assert_close(focal_loss(logits, truth, 2.0, 0.25).mean(), focal)
    smooth = {"sigmoid": True, "batch": True, "smooth_nr": 1.0, "smooth_dr": 1.0}
    dice = losses.DiceLoss(**smooth)(logits, truth)
    torch.testing.assert_close(pooled_dice_loss(logits, truth, known), dice)
    tversky = losses.TverskyLoss(alpha=0.3, beta=0.7, **smooth)(logits, truth)
    torch.testing.assert_close(tversky_loss(logits, truth, known), tversky)


def lungs(size=20):
    inside = torch.zeros(1, 1, size, size, dtype=torch.bool)
    inside[..., 5:15, 5:15] = True  # 100 pixels, of which 2 are averaged over
    return inside


YES = torch.tensor([True])


def test_presence_loss_is_the_cross_entropy_of_the_mean_of_the_highest_lung_pixels():
    logits = torch.full((1, 1, 20, 20), -9.0)
    logits[..., 0, 0] = 9.0  # outside the lungs
    logits[..., 6, 6], logits[..., 7, 9] = 2.0, 0.0
    mean = (torch.tensor([2.0, 0.0]).sigmoid()).mean()
    assert torch.isclose(presence_loss(logits, lungs(), YES), -mean.log()).all()


def test_presence_loss_raises_the_highest_lung_pixels_and_no_other():
    logits = torch.linspace(-40.0, -300.0, 400).view(1, 1, 20, 20).requires_grad_()
    presence_loss(logits, lungs(), YES).sum().backward()
    assert (logits.grad < 0).nonzero()[:, 2:].tolist() == [[5, 5], [5, 6]]
    # however sure the map is that there is none: both together ask for one
    assert math.isclose(float(logits.grad.sum()), -1.0, rel_tol=1e-5)


def test_presence_loss_of_a_film_without_any_lowers_the_highest_lung_pixels():
    logits = torch.linspace(300.0, -99.0, 400).view(1, 1, 20, 20).requires_grad_()
    loss = presence_loss(logits, lungs(), torch.tensor([False]))
    loss.sum().backward()
    highest = torch.sigmoid(logits[lungs()].topk(2).values.double()).mean()
    assert float(loss.detach()) > 100 and float(highest.detach()) == 1.0
    assert (logits.grad > 0).nonzero()[:, 2:].tolist() == [[5, 5], [5, 6]]


def test_a_film_without_lungs_teaches_nothing_of_somewhere():
    logits = torch.zeros(2, 1, 20, 20, requires_grad=True)
    inside = torch.cat([lungs(), torch.zeros(1, 1, 20, 20, dtype=torch.bool)])
    each = presence_loss(logits, inside, torch.tensor([True, True]))
    each.sum().backward()
    assert float(each[0].detach()) > 0.6 and float(each[1].detach()) == 0.0
    assert float(logits.grad[1].abs().sum()) == 0.0 and bool(logits.grad.isfinite().all())
