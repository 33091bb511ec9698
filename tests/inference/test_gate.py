"""What the whole gate, with the shipped network, says of rendered films and of other pictures."""

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.core.errors import RejectedFilm
from infmap.phantom import render

SEEDS = (0, 3, 5)


@pytest.fixture(scope="module")
def model():
    return infmap.load()


@pytest.fixture(scope="module")
def films():
    return [render(seed, size=320, opacities=seed % 4).pixels for seed in SEEDS]


def rejected(model, picture):
    with pytest.raises(RejectedFilm) as caught:
        model.predict(np.ascontiguousarray(picture, np.float32))
    return caught.value


def rotated(plane, degrees):
    image = Image.fromarray(plane).rotate(degrees, Image.Resampling.BILINEAR, expand=True)
    return np.clip(np.asarray(image, np.float32), 0, 1)


def test_rendered_films_pass(model, films):
    for film in films:
        found = model.predict(film)
        assert not any("unlike" in w or "tilted" in w for w in found.warnings)
        assert {"aspect", "lung_share", "unlikeness", "tilt"} <= set(found.quality)


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: np.hstack([a, b]),
        lambda a, b: np.hstack([a, a]),
        lambda a, b: np.vstack([a, b]),
        lambda a, b: np.hstack([a, np.zeros((320, 20)), b]),
        lambda a, b: np.vstack([np.hstack([a, b]), np.hstack([b, a])]),
    ],
    ids=["side by side", "the same twice", "stacked", "with a gap", "two by two"],
)
def test_several_films_in_one_picture_are_rejected(model, films, join):
    error = rejected(model, join(films[0], films[1]))
    assert "several films" in error.reason
    assert error.quality["halves_match"] is not None


@pytest.mark.parametrize("degrees", [45, -45, 90, 180, 270])
def test_a_rotated_film_is_rejected(model, films, degrees):
    for film in films:
        error = rejected(model, rotated(film, degrees))
        if degrees % 90 == 0:
            assert f"image is rotated by {degrees} degrees" in error.reason


@pytest.mark.parametrize("degrees", [15, 20, 30, -15, -20, -30])
def test_a_tilted_film_is_rejected_or_warned(model, films, degrees):
    for film in films:
        try:
            found = model.predict(rotated(film, degrees))
        except RejectedFilm:
            continue
        assert any("tilted" in w or "unlike" in w for w in found.warnings)


def test_a_negative_is_rejected_as_one(model, films):
    assert "inverted" in rejected(model, 1 - films[0]).reason


def test_an_upper_half_is_rejected(model, films):
    for film in films:
        rejected(model, film[: len(film) // 2])


def ball(x, y, a, b):
    axis = np.linspace(-1, 1, 300)
    column, row = np.meshgrid(axis, axis)
    return np.sqrt(np.maximum(1 - ((column - x) / a) ** 2 - ((row - y) / b) ** 2, 0))


def axial_slice():
    body = 0.8 * (ball(0, 0, 0.9, 0.65) > 0)
    for x in (-0.45, 0.45):
        body[ball(x, 0, 0.3, 0.45) > 0] = 0.1
    return body + 0.2 * ball(0, 0.45, 0.12, 0.1)


def bones():
    hand = 0.5 * ball(0, 0.4, 0.35, 0.4)
    for finger in range(5):
        hand += 0.5 * ball(-0.36 + 0.18 * finger, -0.3, 0.06, 0.5)
    return hand


@pytest.mark.parametrize("draw", [axial_slice, bones])
def test_other_pictures_are_rejected(model, draw):
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 300))
    rejected(model, np.clip(draw() + noise, 0, 1))
