import math

import torch

from infmap.models import Output, Targets, hybrid_loss
from infmap.models.losses import dice_loss, focal_loss


def make(n=2, known=1.0, truth=0.0, logit=0.0, classes=0):
    plane = torch.full((n, 1, 4, 4), logit, requires_grad=True)
    output = Output(plane, plane, plane, torch.zeros(n, 3, requires_grad=True))
    mask = torch.full((n, 1, 4, 4), truth)
    targets = Targets(
        mask, mask, mask, torch.full((n, 3), known), torch.full((n,), classes, dtype=torch.int64)
    )
    return output, targets


def test_focal_loss_equals_the_value_by_hand():
    loss = focal_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=2.0)
    assert math.isclose(float(loss), 0.25 * math.log(2.0), rel_tol=1e-6)


def test_dice_loss_is_nought_on_a_perfect_map_and_near_one_on_a_wrong_one():
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., :4] = 1.0
    logits = (truth * 2.0 - 1.0) * 30.0
    assert float(dice_loss(logits, truth, torch.ones(1))) < 1e-3
    assert float(dice_loss(-logits, truth, torch.ones(1))) > 0.9


def test_false_infection_on_a_healthy_film_costs():
    truth = torch.zeros(2, 1, 8, 8)
    truth[0, ..., :4] = 1.0
    clean = (truth * 2.0 - 1.0) * 30.0
    alarmed = clean.clone()
    alarmed[1, ..., :4] = 30.0
    known = torch.ones(2)
    assert dice_loss(alarmed, truth, known) > dice_loss(clean, truth, known) + 0.1


def test_unknown_targets_add_nothing_to_value_and_gradient():
    output, targets = make(known=0.0, truth=1.0, logit=3.0, classes=-1)
    loss = hybrid_loss(output, targets)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert float(output.infection.grad.abs().sum()) == 0.0


def test_unknown_films_do_not_dilute_known_ones():
    output, targets = make(n=1, truth=1.0, logit=0.5)
    both_output, both = make(n=2, truth=1.0, logit=0.5)
    both = both._replace(known=torch.tensor([[1.0] * 3, [0.0] * 3]), classes=torch.tensor([0, -1]))
    assert torch.isclose(hybrid_loss(output, targets), hybrid_loss(both_output, both))
