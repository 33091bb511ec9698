from __future__ import annotations

import numpy as np

from infmap import phantom
from infmap.deidentify.lungs import shipped_lungs


def test_lungs_of_a_chest_and_of_nothing() -> None:
    film = phantom.render(3, size=512)
    find = shipped_lungs()
    found = find((film.pixels * 255).astype(np.uint8))
    assert found is not None and found.shape == (512, 512)
    overlap = (found & film.lungs).sum() / (found | film.lungs).sum()
    assert overlap > 0.7
    assert find(np.zeros((512, 512), np.uint8)) is None
