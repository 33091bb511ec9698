from __future__ import annotations

import numpy as np
import pytest

from infmap.core.errors import UsageError
from infmap.deidentify.boxes import Box


def test_slices_are_row_and_column() -> None:
    plane = np.zeros((5, 7), int)
    plane[Box(2, 1, 4, 3).slices] = 1
    assert plane.sum() == 12 and plane[1, 2] == 1 and plane[0, 2] == 0


@pytest.mark.parametrize("values", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0)])
def test_no_box(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="one pixel or more"):
        Box(*values)


def test_inside() -> None:
    assert Box(2, 1, 5, 4).is_inside(5, 7)
    assert not Box(2, 1, 6, 4).is_inside(5, 7) and not Box(2, 1, 5, 5).is_inside(5, 7)
