"""Tests of `infmap.training.origins`."""

import sys
from pathlib import Path

import pytest

from infmap.core.errors import ModelError, UsageError
from infmap.training.origins import (
    inherited_films,
    origins,
    training_films,
    write_training_films,
)
from infmap.training.parts import RunFilms

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config  # noqa: E402

ROWS = [{"film_id": f"a/{i}"} for i in range(4)]
CHOSEN = RunFilms(ROWS[:2], ROWS[2:3], ROWS[:3], 0)  # a/3 is held out


def model(folder, *films):
    folder.mkdir()
    write_training_films(folder, films)
    return folder


def test_training_films_are_known_under_todays_names_or_refused(tmp_path):
    assert training_films(model(tmp_path / "m", "a/0", "radiologist/1.png")) == {
        "a/0",
        "general-blockchain/1.png",
    }
    with pytest.raises(ModelError, match="was not trained on are unknown"):
        training_films(tmp_path)


def test_a_run_inherits_the_films_of_its_start_and_of_its_teachers(tmp_path):
    start, teacher = model(tmp_path / "s", "a/0", "b/0"), model(tmp_path / "t", "a/2")
    config = small_config(
        network={"weights": str(start)}, distillation={"teachers": [str(teacher)]}
    )
    assert origins(config) == (start, teacher)
    assert inherited_films(config, ROWS, CHOSEN) == ({"a/0", "b/0", "a/2"}, [])
    assert inherited_films(small_config(), ROWS, CHOSEN) == (set(), [])


@pytest.mark.parametrize("as_teacher", [False, True])
def test_an_origin_that_saw_what_is_held_out_is_refused(tmp_path, as_teacher):
    seen = str(model(tmp_path / "m", "a/0", "a/3"))
    given = {"distillation": {"teachers": [seen]}} if as_teacher else {"network": {"weights": seen}}
    with pytest.raises(UsageError, match="trained on 1 films that this run holds out.*'a/3'"):
        inherited_films(small_config(**given), ROWS, CHOSEN)


def test_an_origin_that_does_not_say_is_named(tmp_path):
    config = small_config(network={"weights": str(tmp_path)})
    films, notes = inherited_films(config, ROWS, CHOSEN)
    assert films == set() and len(notes) == 1 and str(tmp_path) in notes[0]
