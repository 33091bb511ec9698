from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from infmap.core.types import ZONES, Radiograph
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


def test_lungs_are_darker_than_mediastinum_and_abdomen_and_brighter_than_air() -> None:
    f = film()
    lungs = float(f.pixels[f.lungs].mean())
    centre = float(f.pixels[SIZE // 2 : SIZE * 5 // 8, SIZE * 31 // 64 : SIZE * 33 // 64].mean())
    abdomen = float(f.pixels[-SIZE // 10 :, SIZE // 3 : SIZE // 2].mean())
    assert f.pixels[:20, -20:].mean() < 0.1 < lungs < centre - 0.2
    assert lungs < abdomen - 0.2


def test_a_healthy_film_has_no_infection() -> None:
    assert not film().infection.any()
    assert not film(3, ("A", 0.0, 1.0)).infection.any()


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


def test_most_of_the_mask_is_brighter_than_on_the_clear_film() -> None:
    clear, infected = film(5), film(5, ("C", 0.5, 0.5), ("E", 0.4, 0.3))
    lift = infected.pixels - clear.pixels
    assert (lift[infected.infection] > 0.02).mean() > 0.9


def test_anatomy_of_a_seed_is_the_same_at_every_size() -> None:
    large = film(3).lungs
    small = render(3, size=SIZE // 2).lungs
    assert (large[::2, ::2] != small).mean() < 0.01


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


@pytest.mark.parametrize(
    "asked", [("G", 0.5, 0.5), ("A", 1.5, 0.5), ("A", 0.5, -0.1), ("A", float("nan"), 0.5)]
)
def test_an_impossible_opacity_is_refused(asked: tuple[str, float, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Opacity(*asked)


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
