"""Plain margins of any grey level are cut, and nothing else."""

import io
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image, ImageDraw

from infmap.core.geometry import Box, Letterbox
from infmap.inference.field import exposed_field
from infmap.inference.preprocess import Preprocessing, mask_to_network, to_film, to_network
from infmap.phantom import render

SIDES = {"left": "l", "sides": "lr", "ends": "tb", "all": "lrtb"}


@pytest.fixture(scope="module")
def film():
    return render(3, size=320, opacities=3)


def framed(plane, sides, share, tone):
    height, width = plane.shape
    rows = tuple(int(share * height) * (s in sides) for s in "tb")
    columns = tuple(int(share * width) * (s in sides) for s in "lr")
    place = Box(rows[0], columns[0], height, width)
    return np.pad(plane, (rows, columns), constant_values=tone), place


def near(box, other, slack):
    return all(abs(a - asdict(other)[name]) <= slack for name, a in asdict(box).items())


@pytest.mark.parametrize("seed", range(4))
def test_a_film_without_margins_is_its_own_field(seed):
    pixels = render(seed, size=300).pixels
    assert exposed_field(pixels) == Box(0, 0, *pixels.shape)


@pytest.mark.parametrize("tone", [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
def test_a_margin_of_any_grey_level_is_cut(film, tone, share, sides):
    picture, place = framed(film.pixels, sides, share, tone)
    assert near(exposed_field(picture), place, 2)


def test_a_margin_with_noise_is_cut(film):
    picture, place = framed(film.pixels, "lrtb", 0.2, 0.4)
    noise = np.random.default_rng(0).normal(0, 0.012, picture.shape)
    picture = np.clip(picture + noise, 0, 1).astype(np.float32)
    assert near(exposed_field(picture), place, 2)


def test_a_margin_in_a_jpeg_is_cut(film):
    picture, place = framed(film.pixels, "lrtb", 0.2, 0.7)
    stream = io.BytesIO()
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(stream, "JPEG", quality=60)
    read = np.asarray(Image.open(stream), np.float32) / 255
    # JPEG rings within its block of 8 pixels.
    assert near(exposed_field(read), place, 8)


def test_the_window_of_a_viewer_is_cut_with_its_text(film):
    image = Image.new("L", (900, 600), 40)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 900, 40), fill=220)
    draw.text((10, 14), "File Edit View", fill=0)
    image.paste(Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)), (300, 160))
    read = np.asarray(image, np.float32) / 255
    assert near(exposed_field(read), Box(160, 300, 320, 320), 2)


def test_margins_within_margins_are_cut(film):
    inner, _ = framed(film.pixels, "lrtb", 0.1, 0.0)
    picture, _ = framed(inner, "lr", 0.2, 1.0)
    field = exposed_field(picture)
    assert near(field, Box(32, 32 + 76, 320, 320), 2)


@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_a_plain_picture_is_its_own_field(tone):
    assert exposed_field(np.full((90, 70), tone, np.float32)) == Box(0, 0, 90, 70)


def test_the_network_sees_the_film_and_its_maps_come_back_to_their_place(film):
    spec = Preprocessing(size=256)
    bare, _ = to_network(film.pixels, spec)
    picture, place = framed(film.pixels, "lrtb", 0.3, 1.0)
    plane, fit = to_network(picture, spec)
    assert np.abs(plane - bare).mean() < 0.01
    back = to_film(plane, fit)
    outside = np.ones(picture.shape, np.bool_)
    outside[fit.field.slices] = False
    assert back.shape == picture.shape and not back[outside].any()
    assert np.abs(back[place.slices] - to_film(bare, Letterbox(320, 320, 256))).mean() < 0.02
    lungs, _ = framed(film.lungs, "lrtb", 0.3, False)
    bare_lungs = mask_to_network(film.lungs, Letterbox(320, 320, 256))
    assert (mask_to_network(lungs, fit) != bare_lungs).mean() < 0.01


def test_a_model_from_before_the_crop_sees_the_whole_film(film):
    spec = Preprocessing.from_record({"size": 256, "low": 0.5, "high": 99.5})
    assert spec.crop is None
    picture, _ = framed(film.pixels, "lr", 0.3, 0.0)
    assert to_network(picture, spec)[1].part is None
    assert Preprocessing.from_record(asdict(Preprocessing())) == Preprocessing()
    with pytest.raises(ValueError, match="crop"):
        Preprocessing(crop="lungs")
