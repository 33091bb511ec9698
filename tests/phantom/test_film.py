"""Tests of `infmap.phantom.film`."""

from __future__ import annotations

import pytest

from infmap.phantom import Opacity


@pytest.mark.parametrize(
    "asked", [("G", 0.5, 0.5), ("A", 1.5, 0.5), ("A", 0.5, -0.1), ("A", float("nan"), 0.5)]
)
def test_an_impossible_opacity_is_refused(asked: tuple[str, float, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Opacity(*asked)
