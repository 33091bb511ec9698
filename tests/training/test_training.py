import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from infmap.core.errors import ModelError, UsageError
from infmap.inference import Preprocessing
from infmap.training.augmentation import augment
from infmap.training.checkpoint import CHECKPOINT, read_checkpoint
from infmap.training.config import TrainingConfig, read_config
from infmap.training.dataset import Films, join_films, mask_paths, render_phantoms
from infmap.training.early_stopping import EarlyStopping
from infmap.training.loop import train
from infmap.training.parts import held_out, select_films
from infmap.training.schedule import Schedule
from infmap.training.start import starting_network
from infmap.training.validation import score_films


def films(n=12, size=64, source="a"):
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (n, size, size), dtype=np.uint8)
    masks = np.zeros((n, size, size), np.uint8)
    masks[::2, 16:48, 16:48] = 1 | 2 | 4
    rows = [{"film_id": f"{source}{i}", "source": source} for i in range(n)]
    return Films(rows, images, masks, np.ones((n, 3), np.float32), np.arange(n, dtype=np.int64) % 2)


def config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 2, "size": 64, "sources": {"a": 1}}],
        "size": 64,
        "batch_size": 4,
        "precision": "float32",
        "device": "cpu",
    }
    return TrainingConfig.model_validate({**values, **changes})


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*")
def test_a_killed_run_resumed_ends_as_an_uninterrupted_one(tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    expected = train(config(), films(), films(4), whole, lambda _: None)

    class Killed(Exception):
        pass

    def kill(record):
        if record.get("step") == 3:
            raise Killed

    often = {"checkpoint_minutes": 1e-9}
    with pytest.raises(Killed):
        train(config(**often), films(), films(4), torn, kill)
    assert torch.load(torn / CHECKPOINT, weights_only=True)["step"] < 3
    resumed = train(config(**often), films(), films(4), torn, lambda _: None)
    for key, value in expected.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    one = [{"epochs": 1, "size": 64, "sources": {"a": 1}}]
    train(config(stages=one), films(4), films(0), tmp_path, lambda _: None)
    with pytest.raises(ModelError, match="another configuration"):
        train(config(stages=one, seed=1), films(4), films(0), tmp_path, lambda _: None)


def test_a_plan_repeats_sources_as_asked_and_never_beyond():
    stages = [{"epochs": 1, "size": 64, "sources": {"a": 1.5}}]
    plan = Schedule(config(stages=stages, batch_size=6), films())
    seen = np.concatenate([plan.batch(step)[1] for step in range(plan.steps)])
    assert plan.steps == 3
    counts = np.bincount(seen, minlength=12)
    assert counts.min() == 1 and counts.max() == 2 and counts.sum() == 18


def test_a_stage_without_films_says_which_sources_are_missing():
    with pytest.raises(UsageError, match="nowhere"):
        Schedule(config(stages=[{"epochs": 1, "sources": {"nowhere": 1}}]), films())


def test_augmentation_is_replayed_by_its_seed_and_moves_film_and_mask_together():
    image = torch.zeros(4, 1, 64, 64)
    image[..., 20:44, 20:44] = 1.0
    mask = image.expand(4, 3, 64, 64).clone()
    first = augment(image, mask, 64, torch.Generator().manual_seed(5))
    second = augment(image, mask, 64, torch.Generator().manual_seed(5))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(first[1], mask)
    inside = (first[0] * first[1][:, :1]).sum() / first[1][:, :1].sum()
    outside = (first[0] * (1 - first[1][:, :1])).sum() / (1 - first[1][:, :1]).sum()
    assert inside > outside + 0.2
    assert float(first[0].min()) >= 0.0 and float(first[0].max()) <= 1.0


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"covid19": True, "infection_mask": "m"}, ("m", "m", None)),
        ({"covid19": True}, (None, None, None)),
        ({"covid19": False, "pneumonia": True}, ("", None, None)),
        ({"covid19": False, "normal": True}, ("", "", None)),
        ({"covid19": False, "pneumonia": True, "opacity_mask": "o"}, ("", "o", None)),
        ({}, (None, None, None)),
    ],
)
def test_what_is_unknown_of_a_film_stays_unknown(labels, expected):
    keys = ("covid19", "pneumonia", "normal", "infection_mask", "opacity_mask", "lung_mask")
    assert mask_paths({**dict.fromkeys(keys), **labels}) == expected


def row(film_id, **changes):
    values = {"source": "a", "official_split": None, "fold": None, "cluster_id": film_id}
    return {"film_id": film_id, **values, **changes}


def test_near_duplicates_of_held_out_sources_and_folds_are_not_learnt_from():
    rows = [
        row("t", official_split="train"),
        row("v", official_split="val"),
        row("near", official_split="train", cluster_id="x"),
        row("other", source="b", cluster_id="x", fold=0),
        row("mate", source="b", cluster_id="y", fold=1),
    ]
    stages = [{"epochs": 1, "sources": {"a": 1, "b": 1}}]
    held = config(stages=stages, hold_out={"sources": ["b"], "near_duplicates_of": ["b"]})
    chosen = select_films(rows, held)
    learn, watch = chosen.learn, chosen.validate
    assert [r["film_id"] for r in learn] == ["t"]
    assert [r["film_id"] for r in watch] == ["v"]
    chosen = select_films(rows, config(stages=stages, hold_out={"fold": 0}))
    learn, watch = chosen.learn, chosen.validate
    assert [r["film_id"] for r in learn] == ["t", "mate"]
    assert [r["film_id"] for r in watch] == ["v"]
    assert [r["film_id"] for r in held_out(rows, 0)] == ["other"]


def test_sources_learnt_from_keep_films_whose_duplicates_elsewhere_are_dropped():
    rows = [
        row("qu", official_split="train", cluster_id="x"),
        row("cohen", source="b", cluster_id="x", fold=0),
    ]
    stages = [{"epochs": 1, "sources": {"a": 1, "b": 1}}]
    learn = select_films(rows, config(stages=stages, hold_out={"near_duplicates_of": ["b"]})).learn
    assert [r["film_id"] for r in learn] == ["cohen"]


def test_phantoms_teach_lungs_and_opacities_but_no_cause():
    some = render_phantoms(4, Preprocessing(size=64))
    assert some.classes.tolist() == [2, -1, 2, -1]
    assert some.known[:, 0].tolist() == [1, 0, 1, 0]
    assert (some.masks & 4).any(axis=(1, 2)).all()
    assert (some.masks & 2).any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert len(join_films(films(3), some)) == 7


def test_scores_of_a_perfect_network_are_perfect():
    some = films()
    maps = np.stack([(some.masks & bit > 0) * np.uint8(255) for bit in (1, 2, 4)], axis=1)
    score = score_films(maps, (some.classes == 0).astype(float), some)
    assert (score.pooled_f1, score.dice_all, score.auroc, score.sensitivity_99) == (1, 1, 1, 1)


def test_films_of_unknown_class_are_neither_positive_nor_negative():
    some = films()
    maps = np.zeros((len(some), 3, 64, 64), np.uint8)
    confidence = np.where(some.classes == 0, 0.9, 0.1)
    some.classes[1], confidence[1] = -1, 0.99  # surest of all, and unknown
    assert score_films(maps, confidence, some).auroc == 1.0


def test_lungs_that_are_empty_in_truth_and_result_agree():
    some = films(2)
    some.masks[:] = 0
    maps = np.zeros((2, 3, 64, 64), np.uint8)
    assert score_films(maps, np.zeros(2), some).dice_lungs == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [("stages: [", "not YAML"), ("snapshot: s", "stages"), ("snapshot: s\nstagse: 1", "stage")],
)
def test_a_wrong_configuration_is_one_line(tmp_path, text, message):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_config(file)
    assert "\n" not in str(caught.value)


def test_a_configuration_survives_json():
    assert TrainingConfig.model_validate(json.loads(config().model_dump_json())) == config()


def test_patience_keeps_the_best_weights_and_survives_a_checkpoint():
    network = torch.nn.Linear(1, 1)
    watch = EarlyStopping(patience=2)
    for score, over in (
        (0.5, False),
        (0.4, False),
        (0.6, False),
        (0.6, False),
        (float("nan"), True),
    ):
        with torch.no_grad():
            network.weight.fill_(score)
        watch.look(score, network)
        assert watch.over == over
    again = EarlyStopping(patience=2)
    again.restore(watch.state())
    assert again.over
    assert float(again.best["weight"]) == pytest.approx(0.6)


def test_a_run_out_of_patience_ends_with_its_best_weights(tmp_path):
    stages = [{"epochs": 5, "size": 64, "sources": {"a": 1}}]
    some = config(stages=stages, patience=1, validate_every=1, batch_size=2)
    looks = []
    blind = films(2)
    blind.masks[:] = 0  # every look scores 0, so the first is the best
    network = train(some, films(2), blind, tmp_path, lambda r: looks.append(r.get("pooled_f1")))
    assert [look for look in looks if look is not None] == [0.0, 0.0]
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["step"] == 2
    for key, value in network.state_dict().items():
        assert torch.equal(value, state["watch"]["best"][key])
    with pytest.raises(UsageError, match="no Val"):
        train(some, films(2), films(0), tmp_path, looks.append)


def test_a_checkpoint_from_before_a_field_existed_is_gone_on_from(tmp_path):
    values = json.loads(config().model_dump_json())
    for key in ("loss", "micro_batches", "patience"):
        del values[key]
    torch.save({"config": json.dumps(values), "step": 1}, tmp_path / CHECKPOINT)
    assert read_checkpoint(tmp_path / CHECKPOINT, config())["step"] == 1


def test_weights_start_from_a_file_or_a_model_folder_and_say_so(tmp_path):
    torch.manual_seed(1)
    network, line = starting_network(config())
    assert "randomly" in line
    torch.save(network.encoder.state_dict(), tmp_path / "encoder.pt")
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    for weights, digits in ((tmp_path / "encoder.pt", 64), (tmp_path, 64)):
        found, line = starting_network(config(network={"weights": str(weights)}))
        assert len(line.split("sha256 ")[1]) == digits
        for key, value in network.encoder.state_dict().items():
            assert torch.equal(found.encoder.state_dict()[key], value), key
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match="another network"):
        starting_network(config(network={"weights": str(tmp_path)}))
    with pytest.raises(UsageError, match="nowhere"):
        starting_network(config(network={"weights": "nowhere"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"deep_supervision": True}}, "unet"),
        ({"loss": {"class_weight": 0, "map_weights": [0, 0, 0]}}, "nothing would be learnt"),
        ({"loss": {"map_weights": [1, -1, 0]}}, "greater than or equal"),
        ({"micro_batches": 0}, "micro_batches"),
        ({"patience": 0}, "patience"),
    ],
)
def test_conflicts_are_found_before_anything_is_read(changes, message):
    with pytest.raises(ValidationError, match=message):
        config(**changes)
