from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.zones import brixia_zones
from infmap.inference.postprocess import two_largest
from infmap.inference.quality import Quality, assess, assess_lungs, limits

sys.path.insert(0, str(Path(__file__).parent))
from chests import Pair, film  # noqa: E402


def read(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file).convert("L"), dtype=np.float32) / 255


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


def test_a_missing_lung_warns(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    one = lungs & (np.arange(256) < 128)
    q = assess_lungs(brixia_zones(one), film(pixels))
    assert q.reject is None
    assert any("Only one lung" in w for w in q.warnings)


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
