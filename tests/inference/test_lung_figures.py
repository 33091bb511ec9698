"""Tests of `infmap.inference.lung_figures`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.zones import brixia_zones
from infmap.inference.quality import assess_lungs

sys.path.insert(0, str(Path(__file__).parent))
from chests import Pair, film  # noqa: E402


@pytest.mark.parametrize("degrees", [-15, 0, 15])
def test_a_tilt_is_measured(synthetic: Pair, degrees: int) -> None:
    turned = [
        np.asarray(Image.fromarray(a.astype(np.float32)).rotate(degrees, expand=True))
        for a in synthetic
    ]
    lungs = np.ascontiguousarray(turned[1] > 0.5)
    figures = assess_lungs(brixia_zones(lungs), film(turned[0])).figures
    assert figures["tilt"] == pytest.approx(degrees, abs=6)


def test_the_mask_may_be_on_a_coarser_grid(synthetic: Pair) -> None:
    pixels, lungs = synthetic
    fine = assess_lungs(brixia_zones(lungs), film(pixels)).figures
    coarse = assess_lungs(brixia_zones(np.ascontiguousarray(lungs[::2, ::2])), film(pixels)).figures
    for name in fine:
        assert coarse[name] == pytest.approx(fine[name], abs=0.06), name
