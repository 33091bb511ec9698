"""Tests of `infmap.models.losses.combined`."""

import math

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.models import MAP_LOSSES, Output, Targets, create_loss
from infmap.models.losses import dice_loss

NAMES = sorted(MAP_LOSSES)


def make(n=2, known=1, truth=0.0, logit=0.0, classes=0, size=4):
    plane = torch.full((n, 1, size, size), logit, requires_grad=True)
    output = Output(plane, plane, plane, torch.zeros(n, 3, requires_grad=True))
    mask = torch.full((n, 1, size, size), truth)
    truths = torch.full((n, 3), known, dtype=torch.uint8)
    return output, Targets(mask, mask, mask, truths, torch.full((n,), classes))


def half(size=8):
    truth = torch.zeros(1, 1, size, size)
    truth[..., : size // 2] = 1.0
    return truth


def test_false_infection_on_a_healthy_film_costs():
    truth = torch.zeros(2, 1, 8, 8)
    truth[0, ..., :4] = 1.0
    clean = (truth * 2.0 - 1.0) * 30.0
    alarmed = clean.clone()
    alarmed[1, ..., :4] = 30.0
    known = torch.ones(2)
    assert dice_loss(alarmed, truth, known) > dice_loss(clean, truth, known) + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_film_punishes_infection_and_pulls_it_down(name):
    loss = create_loss(name, class_weight=0.0)
    clean, targets = make(logit=-8.0, size=16)
    alarmed, _ = make(logit=2.0, size=16)
    value = loss(alarmed, targets)
    value.backward()
    assert value.item() > loss(clean, targets).item() + 0.1
    assert bool((alarmed.infection.grad > 0).all())


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_map_costs_next_to_nothing(name):
    truth = half(16)
    logits = (truth * 2.0 - 1.0) * 30.0
    targets = Targets(truth, truth, truth, torch.ones(1, 3), torch.tensor([-1]))
    loss = create_loss(name)(Output(logits, logits, logits, torch.zeros(1, 3)), targets)
    assert 0.0 <= float(loss) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_unknown_targets_add_nothing_to_value_and_gradient(name):
    output, targets = make(known=0, truth=1.0, logit=3.0, classes=-1)
    loss = create_loss(name)(output, targets)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert float(output.infection.grad.abs().sum()) == 0.0
    assert float(output.classes.grad.abs().sum()) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_unknown_films_do_not_dilute_known_ones(name):
    output, targets = make(n=1, truth=1.0, logit=0.5)
    both_output, both = make(n=2, truth=1.0, logit=0.5)
    both = both._replace(truth=torch.tensor([[1] * 3, [0] * 3]), classes=torch.tensor([0, -1]))
    loss = create_loss(name)
    assert torch.isclose(loss(output, targets), loss(both_output, both))


def test_the_default_loss_is_the_hybrid_one_and_its_value_is_pinned():
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 1, 8, 8, generator=generator) for _ in range(3)]
    output = Output(*maps, torch.randn(2, 3, generator=generator))
    truth = torch.cat([half(), torch.zeros(1, 1, 8, 8)])
    targets = Targets(truth, truth, truth, torch.ones(2, 3), torch.tensor([0, 2]))
    value = create_loss()(output, targets)
    assert value == create_loss("focal_dice")(output, targets)
    assert math.isclose(float(value), 5.9315143, rel_tol=1e-5)


def test_maps_of_weight_nought_are_not_looked_at():
    output, targets = make()
    nothing = torch.full((2, 1, 4, 4), math.nan)
    output = output._replace(infection=nothing, auxiliary=(nothing.repeat(1, 3, 1, 1),))
    loss = create_loss(map_weights=(0.0, 0.0, 0.0))(output, targets)
    assert math.isclose(float(loss.detach()), 0.3 * math.log(3.0), rel_tol=1e-6)


def test_auxiliary_maps_count_a_half_then_a_quarter():
    output, targets = make(classes=-1, truth=1.0, logit=0.5)
    maps = torch.cat([output.infection, output.opacity, output.lungs], dim=1)
    loss = create_loss()
    alone = loss(output, targets)
    both = loss(output._replace(auxiliary=(maps, maps)), targets)
    assert torch.isclose(both, 1.75 * alone)


def test_focal_weight_is_the_loss_s_own_unless_told():
    output, targets = make(classes=-1, truth=1.0)
    for name, loss in MAP_LOSSES.items():
        told = create_loss(name, focal_weight=loss.focal_weight)(output, targets)
        more = create_loss(name, focal_weight=loss.focal_weight + 1.0)(output, targets)
        assert create_loss(name)(output, targets) == told
        assert more > told


def test_an_unknown_loss_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="focal_dice"):
        create_loss("hinge")


def lungs(size=20):
    inside = torch.zeros(1, 1, size, size, dtype=torch.bool)
    inside[..., 5:15, 5:15] = True  # 100 pixels, of which 2 are averaged over
    return inside


@pytest.mark.parametrize("drawn", [True, False])
def test_presence_on_films_with_masks_is_weighed_with_its_map(drawn):
    output, targets = make(known=1, truth=float(drawn), logit=0.0, classes=-1, size=20)
    targets = targets._replace(lungs=torch.ones_like(targets.lungs))
    without = create_loss()(output, targets)
    loss = create_loss(presence_weight=0.2)(output, targets)
    weights = 1.0 + 0.5  # infection and opacity
    assert math.isclose(
        float((loss - without).detach()), weights * 0.2 * math.log(2.0), rel_tol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_somewhere_is_weighed_with_its_map_and_left_out_at_weight_nought(name):
    output, targets = make(known=0, logit=0.0, classes=-1, size=20)
    somewhere = targets._replace(truth=torch.tensor([[0, 2, 0], [0, 0, 0]]))
    loss = create_loss(name, somewhere_weight=0.2)(output, somewhere)
    assert math.isclose(float(loss.detach()), 0.5 * 0.2 * math.log(2.0), rel_tol=1e-5)
    for options in ({"somewhere_weight": 0.0}, {"map_weights": (1.0, 0.0, 0.5)}):
        assert float(create_loss(name, **options)(output, somewhere).detach()) == 0.0


def test_true_lungs_are_looked_in_where_they_are_known_and_predicted_ones_get_no_gradient():
    infection = torch.full((1, 1, 20, 20), -5.0)
    infection[..., 0, 0:8] = 5.0  # in the predicted lungs alone, which are the whole film
    predicted = torch.ones(1, 1, 20, 20, requires_grad=True)
    output = Output(infection.requires_grad_(), infection, predicted, torch.zeros(1, 3))
    empty = torch.zeros(1, 1, 20, 20)

    def value(known):
        truth = torch.tensor([[2, 0, known]], dtype=torch.uint8)
        targets = Targets(empty, empty, lungs().float(), truth, torch.tensor([-1]))
        loss = create_loss(map_weights=(1.0, 0.5, 0.0), somewhere_weight=1.0)(output, targets)
        loss.backward()
        return float(loss.detach())

    assert value(0) < 0.1 and value(1) > 4.9
    assert predicted.grad is None


def test_without_somewhere_the_loss_does_not_depend_on_its_weight():
    output, targets = make(truth=1.0, logit=0.5)
    losses = [create_loss(somewhere_weight=weight)(output, targets) for weight in (0.0, 0.3)]
    assert torch.equal(*losses)
