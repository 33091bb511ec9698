"""Tests of `infmap.phantom.opacities`."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from infmap.core.types import ZONES
from infmap.core.zones import brixia_zones
from infmap.phantom import Opacity, PhantomFilm, render

SIZE = 256


@cache
def film(seed: int = 3, *asked: tuple[str, float, float]) -> PhantomFilm:
    return render(seed, size=SIZE, opacities=[Opacity(*a) for a in asked])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("extent", [0.2, 0.6])
def test_extent_is_near_what_was_asked_and_other_zones_stay_clear(zone: str, extent: float) -> None:
    f = film(5, (zone, extent, 0.5))
    shares = brixia_zones(f.lungs).shares(f.infection)
    assert shares.pop(zone) == pytest.approx(extent, abs=0.08)
    assert max(shares.values()) < 0.06
    assert not (f.infection & ~f.lungs).any()


def test_extent_holds_where_all_zones_are_infected() -> None:
    asked = {"A": 0.3, "B": 0.6, "C": 0.8, "D": 0.2, "E": 0.5, "F": 0.9}
    f = film(6, *((z, e, 0.6) for z, e in asked.items()))
    shares = brixia_zones(f.lungs).shares(f.infection)
    for zone, extent in asked.items():
        assert shares[zone] == pytest.approx(extent, abs=0.08), zone


def test_an_opacity_brightens_and_a_dense_one_more() -> None:
    faint, dense = film(3, ("C", 0.5, 0.1)), film(3, ("C", 0.5, 0.9))
    where = faint.infection & dense.infection
    assert where.any()
    clear = film()
    assert clear.pixels[where].mean() + 0.02 < faint.pixels[where].mean()
    assert faint.pixels[where].mean() + 0.05 < dense.pixels[where].mean()
    far = clear.left_lung
    np.testing.assert_allclose(clear.pixels[far].mean(), dense.pixels[far].mean(), atol=0.02)


def test_a_number_of_opacities_is_drawn_from_the_seed() -> None:
    one, two = (render(9, size=SIZE, opacities=3) for _ in range(2))
    assert one.opacities == two.opacities
    assert len({o.zone for o in one.opacities}) == 3
    assert one.infection.any()
    assert render(9, size=SIZE, opacities=0).opacities == ()
    assert render(10, size=SIZE, opacities=3).opacities != one.opacities
