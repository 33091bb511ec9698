"""How far masks of one film agree."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.annotation.overlap import dice, disagreement, least_agreement
from infmap.web.masks import plane

sys.path.insert(0, str(Path(__file__).parent))
from small_station import box  # noqa: E402

A, B = box(0, 0, 10, 10), box(0, 0, 10, 5)
EMPTY = np.zeros_like(A)


def test_dice_is_twice_the_common_area_over_both() -> None:
    assert dice(plane(A, "infection"), plane(B, "infection")) == pytest.approx(2 * 50 / 150)
    assert dice(plane(EMPTY, "infection"), plane(EMPTY, "infection")) == 1
    assert dice(plane(A, "infection"), plane(EMPTY, "infection")) == 0


def test_disagreement_is_the_mean_of_all_pairs() -> None:
    assert disagreement([A, B, A], "infection") == pytest.approx(1 - (1 + 4 / 3) / 3)
    assert disagreement([A], "infection") == disagreement([], "infection") == 0
    assert disagreement([EMPTY, EMPTY], "infection") == 0
    assert disagreement([A, B], "lungs") == 0


def test_the_label_that_agrees_least_says_how_readers_agree() -> None:
    lungs = box(0, 0, 10, 10, "lungs")
    assert least_agreement([A | lungs, A], ["infection", "lungs"]) == 0
    assert least_agreement([A | lungs, A], ["infection"]) == 1
    assert least_agreement([A, A | box(0, 0, 9, 9, "uncertain")], ["infection", "uncertain"]) == 1
    assert least_agreement([A], ["infection"]) == 1
