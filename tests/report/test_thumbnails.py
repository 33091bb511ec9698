"""Small pictures and their store."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.types import Prediction, Radiograph
from infmap.report import (
    ThumbStore,
    make_thumb,
)

Predict = Callable[..., Prediction]


def test_layers_share_a_bounded_size_and_stay_in_place(predict: Predict) -> None:
    p = predict(height=960, width=1280)
    thumb = make_thumb(p)
    assert (thumb.width, thumb.height) == (512, 384)
    assert list(thumb.maps) == ["infection", "opacity"]
    for layer in (thumb.film, *thumb.maps.values()):
        assert Image.open(io.BytesIO(layer)).size == (512, 384)
    for layer in thumb.maps.values():
        tint = np.asarray(Image.open(io.BytesIO(layer)).convert("RGBA"))
        assert tint[24, 12, 3] == 255
        assert tint[100, 100, 3] == 0
    # Lungs of columns 10 to 110 and rows 10 to 80 of the film, at 0.4 of its size.
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", thumb.lines["lungs"]), float)
    assert points.min(axis=0) == pytest.approx((4, 4), abs=0.6)
    assert points.max(axis=0) == pytest.approx((44, 32), abs=0.6)


def test_a_doubt_is_one_more_layer(predict: Predict) -> None:
    thumb = make_thumb(predict(doubt=np.ones((96, 128), np.float32)))
    assert list(thumb.maps) == ["infection", "opacity", "doubt"]


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
    assert again["b"].maps == {} and again["b"].lines == {}
    assert again.get("c") is None


def test_a_cleared_store_has_room_again(tmp_path: Path, predict: Predict) -> None:
    ThumbStore(tmp_path, limit=1).add("old", predict())
    store = ThumbStore(tmp_path, limit=1)
    assert not store.add("new", predict())
    store.clear()
    assert store.add("new", predict())
    assert list(ThumbStore(tmp_path)) == ["new"]
    assert not list(store.folder.glob("old*"))


def test_a_film_that_lost_its_layers_or_holds_damage_is_not_kept(
    tmp_path: Path, predict: Predict
) -> None:
    store = ThumbStore(tmp_path)
    store.add("a", predict())
    for name, data in (("a.lines.json", b"[1"), ("a.lines.json", b"[1]"), ("a.film.jpg", b"no")):
        whole = (store.folder / name).read_bytes()
        (store.folder / name).write_bytes(data)
        assert store.get("a") is None
        (store.folder / name).write_bytes(whole)
    assert store.get("a") == make_thumb(predict())
    store.add("a", predict().radiograph)
    assert not list(store.folder.glob("*.png"))
