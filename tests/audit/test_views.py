"""Tests of `infmap.audit.views`."""

from __future__ import annotations

import numpy as np

from infmap.audit.views import grown


def test_the_blanked_region_is_wider_than_the_mask() -> None:
    mask = np.zeros((128, 128), np.bool_)
    mask[40:80, 40:80] = True
    wide = grown(mask)
    assert wide[37, 60] and not wide[35, 60]
    assert not grown(np.zeros((128, 128), np.bool_)).any()
