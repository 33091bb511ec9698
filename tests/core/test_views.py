"""Names of views."""

from __future__ import annotations

import pytest

from infmap.core.views import is_lateral, view_name


@pytest.mark.parametrize(
    "view",
    ["L", "LL", "RL", "LAT", "lateral", "LEFT LATERAL", "Right Lateral", "LATERAL LEFT", "LLAT",
     "L LAT", "LEFT_LAT", "LLO", "RLO", "left-lateral view"],
)  # fmt: skip
def test_lateral(view: str) -> None:
    assert is_lateral(view) and view_name(view) == "LATERAL"


@pytest.mark.parametrize(
    "view",
    ["PA", "ap", "AP SUPINE", "LLD", "RLD", "LEFT LATERAL DECUBITUS", "PORTABLE", "", None, "R",
     "AP ERECT", "AP L"],
)  # fmt: skip
def test_not_lateral(view: str | None) -> None:
    assert not is_lateral(view)
    assert view_name(view) == (view.upper() if view else None)
