from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from infmap.core.types import Radiograph
from infmap.core.zones import brixia_zones
from infmap.inference.quality import assess, assess_lungs
from infmap.phantom import Opacity, PhantomFilm, render, sample_films

SIZE = 256


@cache
def film(seed: int = 3, *asked: tuple[str, float, float]) -> PhantomFilm:
    return render(seed, size=SIZE, opacities=[Opacity(*a) for a in asked])


@cache
def samples() -> tuple[tuple[str, PhantomFilm], ...]:
    return tuple(sample_films())


def test_a_seed_gives_the_same_film_and_another_seed_another() -> None:
    asked = [Opacity("C", 0.4, 0.5)]
    one, two = render(3, size=SIZE, opacities=asked), render(3, size=SIZE, opacities=asked)
    np.testing.assert_array_equal(one.pixels, two.pixels)
    np.testing.assert_array_equal(one.infection, two.infection)
    assert not np.array_equal(one.lungs, film(4).lungs)


def test_planes_are_of_the_documented_kind() -> None:
    f = film()
    assert f.pixels.dtype == np.float32 and f.pixels.shape == (SIZE, SIZE)
    assert 0.0 <= float(f.pixels.min()) < 0.02 and 0.9 < float(f.pixels.max()) <= 1.0
    for plane in (f.lungs, f.right_lung, f.left_lung, f.infection):
        assert plane.dtype == np.bool_ and plane.shape == f.pixels.shape


def test_a_healthy_film_has_no_infection() -> None:
    assert not film().infection.any()
    assert not film(3, ("A", 0.0, 1.0)).infection.any()


def test_most_of_the_mask_is_brighter_than_on_the_clear_film() -> None:
    clear, infected = film(5), film(5, ("C", 0.5, 0.5), ("E", 0.4, 0.3))
    lift = infected.pixels - clear.pixels
    assert (lift[infected.infection] > 0.02).mean() > 0.9


def test_samples_are_eight_named_films_from_healthy_to_severe() -> None:
    names = [name for name, _ in samples()]
    assert len(set(names)) == 8
    share = {n: f.infection.sum() / f.lungs.sum() for n, f in samples()}
    assert [share[n] for n in names[:3]] == [0, 0, 0]
    mild, moderate, severe = (share[n] for n in names[3:6])
    assert 0 < mild < moderate < severe


def test_quality_gate_accepts_every_sample() -> None:
    for name, f in samples():
        radiograph = Radiograph(f.pixels)
        quality = assess(radiograph)
        assert quality.reject is None and not quality.warnings, name
        assert assess_lungs(brixia_zones(f.lungs), radiograph).reject is None, name


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        render(1, size=32)
    with pytest.raises(ValueError, match="seed"):
        render(-1)
    for count in (-1, 7):
        with pytest.raises(ValueError, match="0 to 6 opacities"):
            render(1, opacities=count)
    with pytest.raises(ValueError, match="one opacity a zone"):
        render(1, opacities=[Opacity("A", 0.1, 0.1), Opacity("A", 0.2, 0.2)])
