"""What is known of films, what is not, and what a run cannot do with them."""

import sys
from pathlib import Path

import torch

from infmap.models.losses.combined import class_loss
from infmap.training.parts import check_hold_out, held_out, named_films, select_films

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config  # noqa: E402


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


def row(film_id, **changes):
    values = {"source": "a", "official_split": None, "fold": None, "duplicate_group": film_id}
    return {"film_id": film_id, **values, **changes}


def test_films_to_hold_out_may_have_the_former_name_of_their_source(tmp_path):
    path = tmp_path / "films.txt"
    path.write_text("a/0\nradiologist/covid19/1.png\n")
    names = named_films(small_config(hold_out={"films": str(path)}))
    assert names == {"a/0", "general-blockchain/covid19/1.png"}
    rows = [row("a/0"), row("general-blockchain/covid19/1.png", source="general-blockchain")]
    check_hold_out(rows, small_config(hold_out={"films": str(path)}))


def test_near_duplicates_of_held_out_sources_and_folds_are_not_learnt_from():
    rows = [
        row("t", official_split="train"),
        row("v", official_split="val"),
        row("near", official_split="train", duplicate_group="x"),
        row("other", source="b", duplicate_group="x", fold=0),
        row("mate", source="b", duplicate_group="y", fold=1),
    ]
    stages = [{"epochs": 1, "sources": {"a": 1, "b": 1}}]
    held = small_config(stages=stages, hold_out={"sources": ["b"], "near_duplicates_of": ["b"]})
    chosen = select_films(rows, held)
    learn, watch = chosen.learn, chosen.validate
    assert [r["film_id"] for r in learn] == ["t"]
    assert [r["film_id"] for r in watch] == ["v"]
    chosen = select_films(rows, small_config(stages=stages, hold_out={"fold": 0}))
    learn, watch = chosen.learn, chosen.validate
    assert [r["film_id"] for r in learn] == ["t", "mate"]
    assert [r["film_id"] for r in watch] == ["v"]
    assert [r["film_id"] for r in held_out(rows, 0)] == ["other"]


def test_sources_learnt_from_keep_films_whose_duplicates_elsewhere_are_dropped():
    rows = [
        row("qu", official_split="train", duplicate_group="x"),
        row("cohen", source="b", duplicate_group="x", fold=0),
    ]
    stages = [{"epochs": 1, "sources": {"a": 1, "b": 1}}]
    learn = select_films(
        rows, small_config(stages=stages, hold_out={"near_duplicates_of": ["b"]})
    ).learn
    assert [r["film_id"] for r in learn] == ["cohen"]
