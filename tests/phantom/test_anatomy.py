"""Tests of `infmap.phantom.anatomy`."""

from __future__ import annotations

from functools import cache

import numpy as np

from infmap.phantom import Opacity, PhantomFilm, render

SIZE = 256


@cache
def film(seed: int = 3, *asked: tuple[str, float, float]) -> PhantomFilm:
    return render(seed, size=SIZE, opacities=[Opacity(*a) for a in asked])


def test_lungs_are_two_disjoint_fields_with_the_right_one_at_image_left() -> None:
    for seed in range(6):
        f = film(seed)
        assert not (f.right_lung & f.left_lung).any()
        np.testing.assert_array_equal(f.right_lung | f.left_lung, f.lungs)
        right, left = (np.nonzero(p)[1] for p in (f.right_lung, f.left_lung))
        assert right.max() < left.min()
        assert 0.18 < f.lungs.mean() < 0.40
        # The heart takes its room from the left lung.
        assert left.size < right.size


def test_heart_apex_is_on_the_image_right() -> None:
    for seed in range(6):
        f = film(seed)
        row = int(np.nonzero(f.lungs)[0].max() * 0.85)
        middle = SIZE / 2
        right_edge = np.flatnonzero(f.right_lung[row]).max()
        left_edge = np.flatnonzero(f.left_lung[row]).min()
        assert left_edge - middle > 1.3 * (middle - right_edge)


def test_anatomy_of_a_seed_is_the_same_at_every_size() -> None:
    large = film(3).lungs
    small = render(3, size=SIZE // 2).lungs
    assert (large[::2, ::2] != small).mean() < 0.01
