"""Small pictures and their store."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.core.types import Prediction, Radiograph
from infmap.report import (
    ThumbStore,
    make_thumb,
)
from infmap.report.overlay import INFECTION_COLOUR, LUNG_COLOUR

Predict = Callable[..., Prediction]


def test_layers_share_a_bounded_size_and_contours_stay_in_place(predict: Predict) -> None:
    p = predict(height=960, width=1280)
    thumb = make_thumb(p)
    assert (thumb.width, thumb.height) == (512, 384)
    assert thumb.heat is not None
    assert thumb.contours is not None
    for layer in (thumb.film, thumb.heat, thumb.contours):
        assert Image.open(io.BytesIO(layer)).size == (512, 384)
    lines = np.asarray(Image.open(io.BytesIO(thumb.contours)).convert("RGBA"))
    assert tuple(lines[4, 12]) == (*LUNG_COLOUR, 255)
    assert tuple(lines[20, 12]) == (*INFECTION_COLOUR, 255)
    assert lines[200, 300, 3] == 0
    heat = np.asarray(Image.open(io.BytesIO(thumb.heat)).convert("RGBA"))
    assert heat[24, 12, 3] == 255
    assert heat[100, 100, 3] == 0


def test_a_very_long_film_still_has_a_thumbnail() -> None:
    film = Radiograph(np.zeros((3, 4000), np.float32))
    assert (make_thumb(film).width, make_thumb(film).height) == (512, 1)


def test_store_reads_back_what_it_wrote_up_to_its_limit(tmp_path: Path, predict: Predict) -> None:
    store = ThumbStore(tmp_path, limit=2)
    assert store.add("a", predict())
    assert store.add("b", predict().radiograph)
    assert not store.add("c", predict())
    again = ThumbStore(tmp_path)
    assert list(again) == ["a", "b"]
    assert again["a"] == make_thumb(predict())
    assert again["b"].heat is None
    assert again.get("c") is None


def test_a_cleared_store_has_room_again(tmp_path: Path, predict: Predict) -> None:
    ThumbStore(tmp_path, limit=1).add("old", predict())
    store = ThumbStore(tmp_path, limit=1)
    assert not store.add("new", predict())
    store.clear()
    assert store.add("new", predict())
    assert list(ThumbStore(tmp_path)) == ["new"]
    assert not list(store.folder.glob("old*"))
