"""Tests of `infmap.training.dataset`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.truth import mask_paths
from infmap.core.types import Truth
from infmap.inference import Preprocessing
from infmap.training.dataset import (
    film_class,
    join_films,
    load_films,
    render_phantoms,
    with_weak_labels,
)

sys.path.insert(0, str(Path(__file__).parent))
from known import films_of  # noqa: E402
from small import small_films  # noqa: E402


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


def test_phantoms_teach_lungs_and_opacities_but_no_cause():
    some = render_phantoms(4, Preprocessing(size=64))
    assert some.classes.tolist() == [2, -1, 2, -1]
    assert some.truth[:, 0].tolist() == [1, 0, 1, 0]
    assert (some.masks & 4).any(axis=(1, 2)).all()
    assert (some.masks & 2).any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert len(join_films(small_films(3), some)) == 7


LABELS = ("covid19", "pneumonia", "normal", "infection_mask", "opacity_mask", "lung_mask")


def labelled(**known):
    return {**dict.fromkeys(LABELS), **known}


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
    assert (found, int(films_of([found]).covid19[0])) == expected


def test_a_drawn_infection_holds_where_the_class_is_unknown():
    assert mask_paths(labelled(infection_mask="m")) == ("m", "m", None)
    assert mask_paths(labelled(infection_mask="m", covid19=False)) == ("", None, None)


def test_a_lung_mask_of_any_source_is_used_where_none_is_named(tmp_path):
    from PIL import Image

    for name in ("f", "l"):
        Image.fromarray(np.full((64, 64), 255, np.uint8)).save(tmp_path / f"{name}.png")
    row = labelled(lung_mask="l.png") | {"film_id": "a/1", "source": "a", "path": "f.png"}
    known = [
        load_films([row], lambda _, path: tmp_path / path, Preprocessing(64), named).truth[0, 2]
        for named in (None, ("a",), ("b",))
    ]
    assert known == [1.0, 1.0, 0.0]


def test_labels_are_weak_only_of_the_sources_and_maps_named_and_where_no_more_is_known():
    some = films_of([0, 1, 2, -1, -2, 0], infection=False)
    some.truth[5, 0] = Truth.DENSE  # known to be empty
    weak = with_weak_labels(some, {"a": ("infection", "opacity")})
    assert weak.truth[:, 0].tolist() == [2, 0, 0, 0, 0, 1]
    assert weak.truth[:, 1].tolist() == [2, 2, 0, 0, 0, 2]
    assert with_weak_labels(some, {"a": ("opacity",)}).truth[:, 0].tolist() == [0] * 5 + [1]
    assert (with_weak_labels(some, {"b": ("opacity",)}).truth == some.truth).all()
    assert some.truth[:5, :2].max() == Truth.UNKNOWN and not weak.dense[:5, :2].any()


def test_a_stated_truth_reaches_training(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(tmp_path / "f.png")
    stated = [
        {"infection_truth": "empty", "opacity_truth": "somewhere", "infection_mask": "f.png"},
        {"covid19": True, "infection_mask": "f.png"},
        {"covid19": False, "normal": True},
    ]
    given = [
        labelled(**one) | {"film_id": f"a/{n}", "source": "a", "path": "f.png"}
        for n, one in enumerate(stated)
    ]
    found = load_films(given, lambda _, path: tmp_path / path, Preprocessing(64), None)
    assert found.truth.tolist() == [[1, 2, 0], [1, 1, 0], [1, 1, 0]]
    assert found.truth.dtype == np.uint8
    assert found.masks.any(axis=(1, 2)).tolist() == [False, True, False]
