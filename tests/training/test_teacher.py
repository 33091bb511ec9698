"""Tests of `infmap.training.teacher`."""

import sys
from pathlib import Path

import pytest
import torch

from infmap.api import model_folder
from infmap.core.errors import ModelError
from infmap.core.types import Truth
from infmap.models import Output, Targets
from infmap.models.folder import load_network
from infmap.training.loop import train
from infmap.training.teacher import Taught, Teachers, taught_loss

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config, small_films  # noqa: E402

WEIGHTS = (1.0, 0.5, 0.25)


@pytest.fixture(scope="module")
def teachers():
    return Teachers((model_folder(),), torch.device("cpu"), bfloat16=False)


def some_films(n=2):
    return torch.rand(n, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def test_teachers_say_the_mean_over_a_film_and_its_mirror_image(teachers):
    images = some_films()
    network = load_network(model_folder())
    with torch.no_grad():
        straight, mirrored = network(images), network(images.flip(-1))
    said = teachers(images)
    expected = (straight.lungs.sigmoid() + mirrored.lungs.flip(-1).sigmoid()) / 2
    torch.testing.assert_close(said.maps[:, 2:3], expected)
    expected = (straight.classes.softmax(dim=1) + mirrored.classes.softmax(dim=1)) / 2
    torch.testing.assert_close(said.classes, expected)
    assert not said.maps.requires_grad


def test_teachers_say_the_mirror_image_of_a_mirrored_film(teachers):
    images = some_films()
    said, mirrored = teachers(images), teachers(images.flip(-1))
    torch.testing.assert_close(mirrored.maps, said.maps.flip(-1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mirrored.classes, said.classes)


def test_a_folder_without_a_network_is_no_teacher(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        Teachers((tmp_path,), torch.device("cpu"), bfloat16=False)


def nothing_known(n, size):
    masks = (torch.zeros(n, 1, size, size) for _ in range(3))
    truth = torch.full((n, 3), int(Truth.UNKNOWN), dtype=torch.uint8)
    return Targets(*masks, truth, torch.full((n,), -1))


def test_the_loss_is_nought_where_a_network_says_what_its_teachers_say():
    maps = torch.rand(2, 3, 8, 8).clamp(0.01, 0.99)
    classes = torch.rand(2, 3).softmax(dim=1)
    infection, opacity, lungs = maps.logit().split(1, dim=1)
    output = Output(infection, opacity, lungs, classes.log())
    same = taught_loss(output, Taught(maps, classes), nothing_known(2, 8), WEIGHTS)
    torch.testing.assert_close(same, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_the_loss_is_the_weighted_divergence_of_maps_and_class():
    """Against the divergence of two coins, p log(p / q) + (1 - p) log((1 - p) / (1 - q))."""
    p, q = torch.tensor([0.9, 0.4, 0.7]), torch.tensor([0.6, 0.2, 0.3])
    coin = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    maps = p.view(1, 3, 1, 1).expand(1, 3, 8, 8)
    logits = q.logit().view(1, 3, 1, 1).expand(1, 3, 8, 8).split(1, dim=1)
    taught, own = torch.tensor([[0.5, 0.3, 0.2]]), torch.tensor([[0.2, 0.2, 0.6]])
    found = taught_loss(
        Output(*logits, own.log()), Taught(maps, taught), nothing_known(1, 8), WEIGHTS
    )
    expected = (torch.tensor(WEIGHTS) * coin).sum() + (taught * (taught / own).log()).sum()
    torch.testing.assert_close(found, expected)


def test_teachers_are_not_asked_about_what_is_known_to_be_empty_or_of_which_class():
    targets = nothing_known(1, 8)
    targets = targets._replace(classes=torch.tensor([0]))
    targets.truth[0, :2] = int(Truth.DENSE)
    targets.opacity[0, 0, 0, 0] = 1.0  # drawn: asked about
    logits = torch.zeros(1, 3, 8, 8, requires_grad=True)
    classes = torch.zeros(1, 3, requires_grad=True)
    output = Output(*logits.split(1, dim=1), classes)
    taught = Taught(torch.full((1, 3, 8, 8), 0.9), torch.tensor([[0.9, 0.05, 0.05]]))
    taught_loss(output, taught, targets, WEIGHTS).backward()
    moved = logits.grad.abs().flatten(2).sum(dim=2)[0] > 0
    assert moved.tolist() == [False, True, True]
    assert not classes.grad.any()


def test_a_run_with_a_teacher_ends_nearer_to_it_than_one_without(tmp_path, teachers):
    distances = []
    for name, taught in (("alone", None), ("taught", {"teachers": [str(model_folder())]})):
        (tmp_path / name).mkdir()
        # Nothing is known of these films: with no teacher there is nothing to learn.
        films = small_films(8)
        films.truth[:], films.classes[:] = int(Truth.UNKNOWN), -1
        stages = [{"epochs": 10, "size": 64, "sources": {"a": 1}}]
        loss = {"class_weight": 0.0}
        some = small_config(distillation=taught, loss=loss, stages=stages, ema=0.5)
        network = train(some, films, small_films(0), tmp_path / name, lambda _: None)
        images = some_films(4)
        with torch.no_grad():
            apart = taught_loss(network(images), teachers(images), nothing_known(4, 64), WEIGHTS)
        distances.append(float(apart))
    assert distances[1] < 0.9 * distances[0]
