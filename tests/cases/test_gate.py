"""Films whose position, margins or number once went wrong."""

import os
from pathlib import Path

import pytest

import infmap
from infmap.core.errors import RejectedFilm

DATA = os.environ.get("INFMAP_DATA")
CASES = (Path(DATA).parent if DATA else Path(__file__).parents[3] / "shared") / "cases"


@pytest.fixture(scope="module")
def model():
    if not CASES.is_dir():
        pytest.skip(f"no case films: {CASES} does not exist; set INFMAP_DATA")
    return infmap.load()


def files(case):
    found = sorted((CASES / case).glob("*.png"))
    assert found, case
    return found


def test_plain_margins_do_not_change_the_answer(model):
    plain = model.predict(CASES / "reference.png").opacity_fraction
    for file in files("plain-margins-change-the-answer"):
        assert model.predict(file).opacity_fraction == pytest.approx(plain, abs=0.02), file.name


def test_a_tilted_film_is_rejected_or_warned(model):
    for file in files("tilted-film"):
        try:
            found = model.predict(file)
        except RejectedFilm:
            continue
        assert any("tilted" in w or "unlike" in w for w in found.warnings), file.name


def test_two_films_in_one_picture_are_rejected(model):
    for file in files("two-films-one-picture"):
        if "screenshot" not in file.name:
            with pytest.raises(RejectedFilm, match="several films"):
                model.predict(file)


def test_a_screenshot_of_a_viewer_gives_the_answer_of_its_film(model):
    plain = model.predict(CASES / "reference.png").opacity_fraction
    (file,) = [f for f in files("two-films-one-picture") if "screenshot" in f.name]
    assert model.predict(file).opacity_fraction == pytest.approx(plain, abs=0.05)
