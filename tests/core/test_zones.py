from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from infmap.core.zones import LungZones, brixia_zones, components, share


def two_lungs(gap: int = 20, height: int = 120, width: int = 160) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[20:110, 40 - gap // 2 : 80 - gap // 2] = True
    mask[25:100, 80 + gap // 2 : 120 + gap // 2] = True
    return mask


def test_components_agree_with_scipy_on_noise_and_shapes() -> None:
    rng = np.random.default_rng(0)
    for density in (0.0, 0.3, 0.55, 0.6, 0.9, 1.0):
        mask = rng.random((61, 83)) < density
        labels, areas = components(mask)
        expected, count = ndimage.label(mask)
        assert len(areas) == count
        pairs = np.unique(np.stack([labels.ravel(), expected.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(expected))
        np.testing.assert_array_equal(np.bincount(labels[mask], minlength=count + 1)[1:], areas)


def split_lungs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    zones = brixia_zones(mask)
    return zones.right, zones.left


def test_right_lung_is_on_the_left_of_the_image() -> None:
    mask = two_lungs()
    right, left = split_lungs(mask)
    np.testing.assert_array_equal(right, mask & (np.arange(160) < 80))
    np.testing.assert_array_equal(left, mask & ~right)


def test_lungs_that_touch_are_cut_where_they_are_thinnest() -> None:
    mask = two_lungs(gap=20)
    mask[60:64, 60:100] = True
    right, left = split_lungs(mask)
    assert components(mask)[1].size == 1
    assert right[:, :70].sum() == mask[:, :70].sum()
    assert left[:, 90:].sum() == mask[:, 90:].sum()
    np.testing.assert_array_equal(right ^ left, mask)


@pytest.mark.parametrize("side", [0, 1])
def test_a_missing_lung_stays_missing(side: int) -> None:
    only = two_lungs() & ((np.arange(160) >= 80) == bool(side))
    parts = split_lungs(only)
    np.testing.assert_array_equal(parts[side], only)
    assert not parts[1 - side].any()


def test_no_lungs_give_two_empty_sides_and_no_zones() -> None:
    empty = np.zeros((30, 40), dtype=bool)
    assert not any(part.any() for part in split_lungs(empty))
    assert all(math.isnan(v) for v in brixia_zones(empty).shares(empty).values())


def test_zones_are_thirds_of_each_lungs_own_height() -> None:
    zones = brixia_zones(two_lungs())
    rows = [np.flatnonzero(zones.plane(z).any(axis=1))[[0, -1]].tolist() for z in "ABCDEF"]
    assert rows == [[20, 49], [50, 79], [80, 109], [25, 49], [50, 74], [75, 99]]
    np.testing.assert_array_equal(zones.right | zones.left, two_lungs())


def test_a_speck_does_not_move_the_borders() -> None:
    mask = two_lungs()
    mask[2, 50] = True
    zones = brixia_zones(mask)
    assert zones.labels[2, 50] == 1
    assert np.flatnonzero(zones.plane("B").any(axis=1))[0] == 50


def test_shares_count_the_mask_in_each_zone() -> None:
    zones = brixia_zones(two_lungs())
    mask = zones.plane("C") | zones.plane("D")
    assert zones.shares(mask) == {"A": 0, "B": 0, "C": 1, "D": 1, "E": 0, "F": 0}
    assert share(mask, zones.right) == pytest.approx(1 / 3)
    assert math.isnan(share(mask, np.zeros_like(mask)))


def test_wrong_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        LungZones(np.zeros((4, 4), dtype=np.int64))
    with pytest.raises(ValueError, match="0 to 6"):
        LungZones(np.full((4, 4), 7, dtype=np.uint8))
    with pytest.raises(ValueError, match="bool"):
        brixia_zones(np.zeros((4, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match="bool plane"):
        share(np.zeros((4, 4), dtype=bool), np.zeros((4, 5), dtype=bool))
    with pytest.raises(ValueError, match="zone of A"):
        brixia_zones(two_lungs()).plane("G")


def test_real_masks_split_into_two_plausible_lungs(data: Path) -> None:
    folder = data / "covid-qu-ex"
    files = sorted(folder.glob("*/*/Val/*/lung masks/*.png"))[::20]
    if not files:
        pytest.skip(f"no lung masks under {folder.name}")
    for file in files:
        mask = np.asarray(Image.open(file).convert("L")) > 127
        right, left = split_lungs(mask)
        np.testing.assert_array_equal(right ^ left, mask)
        assert 0.3 < right.sum() / left.sum() < 3, file.name
        assert np.nonzero(right)[1].mean() + 20 < np.nonzero(left)[1].mean(), file.name
