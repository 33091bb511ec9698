"""Tests of `infmap.training.checks`."""

import sys
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.core.types import Truth
from infmap.inference import Preprocessing
from infmap.training.checks import check_choice, check_stage, check_truth, film_label
from infmap.training.config import TrainingConfig
from infmap.training.dataset import join_films, render_phantoms
from infmap.training.parts import select_films

sys.path.insert(0, str(Path(__file__).parent))
from known import films_of  # noqa: E402


def config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 1, "size": 64, "sources": {"a": 1, "phantom": 1}}],
        "size": 64,
        "batch_size": 4,
    }
    return TrainingConfig.model_validate({**values, **changes})


def rows(n, **changes):
    return [
        {"film_id": f"a/{i}", "source": "a", "official_split": None, "fold": 0, "split": "train"}
        | dict.fromkeys(("covid19", "pneumonia", "normal"))
        | changes
        for i in range(n)
    ]


def test_a_stage_takes_the_films_of_a_source_and_class_that_it_names():
    given = (
        rows(8, covid19=True)
        + rows(8, covid19=False, normal=True)
        + rows(6, covid19=None)
        + rows(4, covid19=False)
    )
    labels = [film_label(row) for row in given]
    sources = {"a/covid19": 2, "a/normal": 0.5, "a/unknown": 1}
    settings = config(stages=[{"epochs": 1, "size": 64, "sources": sources}], batch_size=1)
    assert check_stage(settings, settings.stages[0], labels) == 16 + 4 + 10
    assert settings.stages[0].source_names == {"a"}


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
        (films_of([0, 1] * 4, infection=False, lungs=False), {}, "has a mask"),
        (films_of([0, 1] * 4, infection=False), {}, "infection in its mask"),
        (films_of([0, 1] * 4, lungs=False), {}, "lung mask of any source"),
        (films_of([0, 1] * 4, lungs=False), {"lung_sources": ["b"]}, "lung mask of b"),
        (films_of([0] * 8), {}, "all 8 training films of known class .* of COVID-19"),
        (films_of([1, 2, -2, -1]), {}, "all 3 training films of known class .* without COVID-19"),
    ],
)
def test_films_that_cannot_teach_are_refused(learn, changes, message):
    with pytest.raises(UsageError, match=message) as refused:
        check_truth(config(**changes), learn, films_of([0, 1]))
    assert "\n" not in str(refused.value)


def test_phantoms_do_not_stand_for_a_second_class():
    rendered = render_phantoms(2, Preprocessing(size=64))
    with pytest.raises(UsageError, match="all 8 training films of known class .* of COVID-19"):
        check_truth(config(), join_films(films_of([0] * 8), rendered), films_of([0, 1]))
    notes = check_truth(config(), join_films(films_of([-1] * 8), rendered), films_of([0, 1]))
    assert notes == ["no training film has a known class: the class is not trained"]


def test_patience_needs_something_to_wait_for():
    with pytest.raises(UsageError, match="patience"):
        check_truth(config(patience=2), films_of([0, 1] * 4), films_of([0, 1], infection=False))


def test_what_is_not_known_costs_figures_not_the_run():
    assert check_truth(config(), films_of([0, 1] * 4), films_of([0, 1])) == []
    notes = check_truth(config(), films_of([-1] * 8), films_of([-1, -1], infection=False))
    assert len(notes) == 3 and all("known" in note for note in notes)
    alone = {"loss": {"class_weight": 0}}
    assert check_truth(config(**alone), films_of([0] * 8), films_of([0, 1])) == []
    classifier = {"loss": {"map_weights": [0, 0, 0]}}
    assert check_truth(config(**classifier), films_of([0, 1], False, False), films_of([0, 1])) == []


def test_a_run_says_how_many_films_have_it_somewhere():
    some = films_of([0, 2, 0, 2])
    some.truth[0, 1] = Truth.SOMEWHERE
    (note,) = check_truth(config(), some, films_of([0, 2]))
    assert note == "somewhere in the lungs: infection on 0 films, opacity on 1"
    assert not check_truth(config(loss={"somewhere_weight": 0}), some, films_of([0, 2]))
