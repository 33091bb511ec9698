from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.types import Radiograph
from infmap.core.zones import brixia_zones
from infmap.inference.limits import FILM_REJECTS, LUNG_REJECTS
from infmap.inference.postprocess import two_largest
from infmap.inference.quality import Quality, assess, assess_lungs, limits

Pair = tuple[np.ndarray, np.ndarray]


def film(pixels: np.ndarray, **fields: str) -> Radiograph:
    return Radiograph(np.ascontiguousarray(np.clip(pixels, 0, 1), dtype=np.float32), **fields)


def read(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file).convert("L"), dtype=np.float32) / 255


@pytest.fixture(scope="session")
def synthetic() -> Pair:
    """A crude chest: bright body, two dark lungs that part downwards, dark corners."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    lean = 12 * (y - 128) / 80
    right = ((x - 80 + lean) / 32) ** 2 + ((y - 130) / 85) ** 2 < 1
    left = ((x - 176 - lean) / 32) ** 2 + ((y - 130) / 85) ** 2 < 1
    lungs = right | left
    body = 0.45 + 0.4 * y / 256 - 0.3 * (np.abs(x - 128) / 128) ** 2
    pixels = np.where(lungs, 0.25, body)
    pixels += np.random.default_rng(0).normal(0, 0.01, pixels.shape)
    return pixels.astype(np.float32), lungs


@pytest.fixture
def pairs(data: Path) -> list[Pair]:
    files = sorted((data / "covid-qu-ex").glob("*/*/Val/*/images/*.png"))[::31]
    if not files:
        pytest.skip("no COVID-QU-Ex films in the data folder")
    masks = [f.parent.parent / "lung masks" / f.name for f in files]
    return [(read(f), read(k) > 0.5) for f, k in zip(files, masks, strict=True)]


def test_a_plain_chest_passes(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    q = assess(film(pixels)).merged(assess_lungs(brixia_zones(lungs), film(pixels)))
    assert q.reject is None
    assert 0.1 < q.figures["lung_share"] < 0.4
    assert set(q.to_dict()) == set(q.figures)


def test_the_limits_are_those_that_reject(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    good = assess(film(pixels)).merged(assess_lungs(brixia_zones(lungs), film(pixels)))
    bounds = limits()
    assert len(set(bounds) & set(good.figures)) >= 10
    for name, (low, high) in bounds.items():
        assert low < high
        assert low <= good.figures.get(name, low) <= high
    noise = assess(film(np.random.default_rng(0).random((256, 256))))
    assert noise.reject and noise.figures["smoothness"] < bounds["smoothness"][0]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda r: np.full((256, 256), 0.5), "blank"),
        (lambda r: np.zeros((256, 256)), "blank"),
        (lambda r: r.random((256, 256)), "noise"),
        (lambda r: np.tile(np.linspace(0, 1, 256), (256, 1)), "gradient"),
        (lambda r: np.tile(np.linspace(0, 1, 256), (256, 1)).T, "gradient"),
        (lambda r: np.where(np.hypot(*np.mgrid[-1:1:256j, -1:1:256j]) < 0.3, 0.7, 0.2), "levels"),
        (lambda r: np.pad(r.random((60, 60)), 98), "pure black"),
        (lambda r: r.random((40, 300)), "too small"),
        (lambda r: r.random((100, 400)), "extreme shape"),
    ],
)
def test_what_is_no_film_is_refused_with_its_reason(make, reason: str) -> None:  # type: ignore[no-untyped-def]
    q = assess(film(make(np.random.default_rng(0))))
    assert q.reject is not None
    assert reason in q.reject


def test_a_lateral_view_stated_in_the_file_is_refused(synthetic: Pair) -> None:
    q = assess(film(synthetic[0], view="LL"))
    assert "view LL" in str(q.reject)


def test_lungs_that_are_not_there_or_impossible_are_refused(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    chest = film(pixels)
    assert "no lungs" in str(assess_lungs(brixia_zones(np.zeros_like(lungs)), chest).reject)
    assert "fill" in str(assess_lungs(brixia_zones(np.ones_like(lungs)), chest).reject)
    upper = np.ascontiguousarray(lungs[:130])
    assert "lower edge" in str(assess_lungs(brixia_zones(upper), film(pixels[:130])).reject)
    flat = np.ascontiguousarray(lungs[::4])
    assert "as high as wide" in str(assess_lungs(brixia_zones(flat), film(pixels[::4])).reject)


def test_borders_that_are_nowhere_certain_are_refused(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    unsure = np.where(lungs, 0.6, 0.4).astype(np.float32)
    quality = assess_lungs(brixia_zones(lungs), film(pixels), unsure)
    assert quality.figures["lung_doubt"] > 1.5
    assert "uncertain" in str(quality.reject)


def test_a_third_lung_means_several_films(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    twice = np.hstack([lungs, lungs])
    probs = twice.astype(np.float32)
    zones = brixia_zones(two_largest(twice))
    quality = assess_lungs(zones, film(np.hstack([pixels, pixels])), probs)
    assert "several films" in str(quality.reject)


@pytest.mark.parametrize("degrees", [-15, 0, 15])
def test_a_tilt_is_measured(synthetic: Pair, degrees: int) -> None:
    turned = [
        np.asarray(Image.fromarray(a.astype(np.float32)).rotate(degrees, expand=True))
        for a in synthetic
    ]
    lungs = np.ascontiguousarray(turned[1] > 0.5)
    figures = assess_lungs(brixia_zones(lungs), film(turned[0])).figures
    assert figures["tilt"] == pytest.approx(degrees, abs=6)


def test_limits_are_data_that_a_page_can_show() -> None:
    found = limits()
    assert found["min_side"] == (64, float("inf"))
    assert found["lung_share"][0] < found["lung_share"][1]
    for limit in (*FILM_REJECTS, *LUNG_REJECTS):
        assert limit.unit and limit.origin, limit.name
        assert limit.low < limit.high


def test_a_missing_lung_warns(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    one = lungs & (np.arange(256) < 128)
    q = assess_lungs(brixia_zones(one), film(pixels))
    assert q.reject is None
    assert any("Only one lung" in w for w in q.warnings)


def test_the_mask_may_be_on_a_coarser_grid(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    fine = assess_lungs(brixia_zones(lungs), film(pixels)).figures
    coarse = assess_lungs(brixia_zones(np.ascontiguousarray(lungs[::2, ::2])), film(pixels)).figures
    for name in fine:
        assert coarse[name] == pytest.approx(fine[name], abs=0.06), name


def test_merging_keeps_the_first_reason_and_every_warning() -> None:
    q = Quality({"a": 1.0}, None, ("x",)).merged(Quality({"b": float("nan")}, "no", ("x", "y")))
    assert (q.reject, q.warnings) == ("no", ("x", "y"))
    assert q.to_dict() == {"a": 1.0, "b": None}


def test_real_frontal_films_pass(pairs: list[Pair]) -> None:
    passed = [
        assess(film(p)).merged(assess_lungs(brixia_zones(k), film(p))).reject is None
        for p, k in pairs
    ]
    assert np.mean(passed) >= 0.96


def test_films_of_other_collections_pass(data: Path) -> None:
    files = sorted((data / "nih").glob("*/*.jpg"))[::6]
    if not files:
        pytest.skip("no NIH films in the data folder")
    refused = {f.name: assess(film(read(f))).reject for f in files}
    wrong = [name for name, reject in refused.items() if reject]
    assert len(wrong) <= 1, refused
