"""How figures and names are worded for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

LAYERS = {
    "infection": "infection map (COVID-19)",
    "opacity": "opacity map (any cause)",
    "doubt": "doubt map (mirrored reading disagrees)",
}
"""Name of a map to its caption."""

DASH = "\N{EN DASH}"


def percent(value: float | None) -> str:
    """A share in [0, 1] as whole per cent; a dash where unknown."""
    if value is None:
        return DASH
    # A share that is not 0 must not read as 0.
    if 0.0 < value < 0.01:
        return "<1\N{NO-BREAK SPACE}%"
    return f"{math.floor(100.0 * value + 0.5)}\N{NO-BREAK SPACE}%"


def probability(value: float | None) -> str:
    """A probability with two decimals, never claiming certainty."""
    if value is None:
        return DASH
    # Nothing is certain, whatever a softmax says.
    if value > 0.99:
        return ">0.99"
    return "<0.01" if value < 0.01 else f"{value:.2f}"


def grade_text(grade: str | None, grades: Sequence[str] = ()) -> str:
    """A grade with the grades that its interval allows, such as "moderate (mild to severe)".

    Args:
        grade: the grade; None where there is none.
        grades: every grade that the interval allows, mildest first.
    """
    if grade is None:
        return DASH
    others = [g for g in grades if g != grade]
    if not others:
        return grade
    return f"{grade} ({grades[0]} to {grades[-1]})"


def figure(value: object) -> str:
    """A measured figure in a few characters."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(figure(v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {figure(v)}" for k, v in value.items())
    return str(value)


def bounds(limit: tuple[float, float] | None) -> str:
    """A range of the quality gate, such as "at least 0.1"; a dash where there is none."""
    low, high = limit or (-math.inf, math.inf)
    if math.isfinite(low) and math.isfinite(high):
        return f"{figure(low)} to {figure(high)}"
    if math.isfinite(low):
        return f"at least {figure(low)}"
    return f"at most {figure(high)}" if math.isfinite(high) else DASH
