"""What is known of films, what is not, and what a run cannot do with them."""

import numpy as np
import pytest
import torch

from infmap.core.errors import UsageError
from infmap.inference import Preprocessing
from infmap.models.losses.combined import class_loss
from infmap.training.augmentation import augment
from infmap.training.checks import check_choice, check_truth
from infmap.training.config import TrainingConfig
from infmap.training.dataset import (
    Films,
    film_class,
    join_films,
    load_films,
    mask_paths,
    render_phantoms,
)
from infmap.training.parts import select_films

LABELS = ("covid19", "pneumonia", "normal", "infection_mask", "opacity_mask", "lung_mask")


def labelled(**known):
    return {**dict.fromkeys(LABELS), **known}


def config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 1, "size": 64, "sources": {"a": 1, "phantom": 1}}],
        "size": 64,
        "batch_size": 4,
    }
    return TrainingConfig.model_validate({**values, **changes})


def films(classes, infection=True, lungs=True):
    n = len(classes)
    masks = np.zeros((n, 64, 64), np.uint8)
    known = np.tile(np.float32([infection, 0, lungs]), (n, 1))
    if infection:
        masks[::2, 8:24, 8:24] = 1
    rows = [{"film_id": f"a/{i}", "source": "a"} for i in range(n)]
    return Films(rows, np.zeros_like(masks), masks, known, np.array(classes, np.int64))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"covid19": True}, (0, 1)),
        ({"covid19": False, "pneumonia": True, "normal": False}, (1, 0)),
        ({"covid19": False, "normal": True}, (2, 0)),
        ({"covid19": False}, (-2, 0)),
        ({"covid19": False, "pneumonia": False, "normal": False}, (-2, 0)),
        ({}, (-1, -1)),
    ],
)
def test_known_not_to_be_covid19_is_told_from_unknown(labels, expected):
    found = film_class(labelled(**labels))
    assert (found, int(films([found]).covid19[0])) == expected


def test_a_drawn_infection_holds_where_the_class_is_unknown():
    assert mask_paths(labelled(infection_mask="m")) == ("m", "m", None)
    assert mask_paths(labelled(infection_mask="m", covid19=False)) == ("", None, None)


def test_the_class_is_learnt_from_what_is_known_of_it():
    logits = torch.tensor([[1.0, 2.0, 3.0]] * 4, requires_grad=True)
    whole = class_loss(logits[:2], torch.tensor([0, 2]))
    usual = torch.nn.functional.cross_entropy(
        logits[:2], torch.tensor([0, 2]), label_smoothing=0.05
    )
    assert torch.allclose(whole, usual)
    assert torch.allclose(class_loss(logits, torch.tensor([0, 2, -1, -1])), usual)
    assert float(class_loss(logits.detach(), torch.tensor([-1] * 4))) == 0.0
    (gradient,) = torch.autograd.grad(class_loss(logits[:1], torch.tensor([-2])), logits)
    assert gradient[0, 0] > 0 and (gradient[0, 1:] < 0).all()
    # Between the other two nothing is learnt: their odds stay.
    share = logits[0, 1:].softmax(0)
    assert torch.allclose(gradient[0, 1:] / gradient[0, 1:].sum(), share, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_augmentation_shrinks_without_aliasing(strength):
    rows = (torch.arange(256) % 2).float().view(1, 1, 256, 1).expand(8, 1, 256, 256)
    masks = torch.zeros(8, 3, 256, 256)
    images, _ = augment(rows.clone(), masks, 64, torch.Generator().manual_seed(0), strength)
    if strength:
        assert images.shape == (8, 1, 64, 64)
    else:  # lines of one pixel become even grey, as in prediction, not stripes
        assert float((images[..., 4:-4, 4:-4] - 0.5).abs().max()) < 0.1


def test_a_lung_mask_of_any_source_is_used_where_none_is_named(tmp_path):
    from PIL import Image

    for name in ("f", "l"):
        Image.fromarray(np.full((64, 64), 255, np.uint8)).save(tmp_path / f"{name}.png")
    row = labelled(lung_mask="l.png") | {"film_id": "a/1", "source": "a", "path": "f.png"}
    known = [
        load_films([row], lambda _, path: tmp_path / path, Preprocessing(64), named).known[0, 2]
        for named in (None, ("a",), ("b",))
    ]
    assert known == [1.0, 1.0, 0.0]


def rows(n, **changes):
    return [
        {"film_id": f"a/{i}", "source": "a", "official_split": None, "fold": 0, "split": "train"}
        | changes
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("given", "changes", "message"),
    [
        (rows(20), {}, "no film of the part val of a .* infmap catalog split"),
        (rows(3) + rows(9, split="val"), {}, "3 films, fewer than a step's 4"),
        (rows(20, split="val"), {}, "0 films, fewer"),
    ],
)
def test_too_few_films_are_refused_before_any_is_read(given, changes, message):
    given = [row | {"film_id": f"a/{n}"} for n, row in enumerate(given)]
    settings = config(**changes)
    with pytest.raises(UsageError, match=message) as refused:
        check_choice(settings, select_films(given, settings))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("learn", "changes", "message"),
    [
        (films([0, 1] * 4, infection=False, lungs=False), {}, "has a mask"),
        (films([0, 1] * 4, infection=False), {}, "infection in its mask"),
        (films([0, 1] * 4, lungs=False), {}, "lung mask of any source"),
        (films([0, 1] * 4, lungs=False), {"lung_sources": ["b"]}, "lung mask of b"),
        (films([0] * 8), {}, "all 8 films of known class .* of COVID-19"),
        (films([1, 2, -2, -1]), {}, "all 3 films of known class .* without COVID-19"),
    ],
)
def test_films_that_cannot_teach_are_refused(learn, changes, message):
    with pytest.raises(UsageError, match=message) as refused:
        check_truth(config(**changes), learn, films([0, 1]))
    assert "\n" not in str(refused.value)


def test_phantoms_do_not_stand_for_a_second_class():
    rendered = render_phantoms(2, Preprocessing(size=64))
    with pytest.raises(UsageError, match="all 8 films of known class .* of COVID-19"):
        check_truth(config(), join_films(films([0] * 8), rendered), films([0, 1]))
    notes = check_truth(config(), join_films(films([-1] * 8), rendered), films([0, 1]))
    assert notes == ["no film to learn from has a known class: the class is not learnt"]


def test_patience_needs_something_to_wait_for():
    with pytest.raises(UsageError, match="patience"):
        check_truth(config(patience=2), films([0, 1] * 4), films([0, 1], infection=False))


def test_what_is_not_known_costs_figures_not_the_run():
    assert check_truth(config(), films([0, 1] * 4), films([0, 1])) == []
    notes = check_truth(config(), films([-1] * 8), films([-1, -1], infection=False))
    assert len(notes) == 3 and all("known" in note for note in notes)
    alone = {"loss": {"class_weight": 0}}
    assert check_truth(config(**alone), films([0] * 8), films([0, 1])) == []
    classifier = {"loss": {"map_weights": [0, 0, 0]}}
    assert check_truth(config(**classifier), films([0, 1], False, False), films([0, 1])) == []
