"""How far a model's infected and opaque areas are from drawn ones, where it was measured.

Shares are of the lung area, and an error is that of the estimate minus that of the truth: positive
where the model reads too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Part = Annotated[float, Field(ge=0.0, le=1.0)]
Difference = Annotated[float, Field(ge=-1.0, le=1.0)]
Limit = Annotated[float, Field(ge=-4.0, le=4.0)]
"""A limit of agreement can lie beyond any difference: it is 1.96 deviations away from the bias."""
Text = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True)
class ShareError:
    """Estimated minus true share of the lungs on some films (Bland and Altman 1986).

    Attributes:
        bias: mean of the differences, fraction of the lung area: 0.01 is one percentage point.
        low: lower end of its 95 % interval by patient or near-duplicate group.
        high: upper end.
        lower: lower limit of agreement, bias minus 1.96 standard deviations of the differences.
        upper: upper one.
        within: share of the films whose difference lies between both limits, [0, 1]; 0.95 where
            differences are normally distributed.
        films: films that all of it stands on.

    Raises:
        ValueError: ends or limits are the wrong way round.
    """

    __pydantic_config__ = STRICT

    bias: Difference
    low: Difference
    high: Difference
    lower: Limit
    upper: Limit
    within: Part
    films: Annotated[int, Field(ge=2)]

    def __post_init__(self) -> None:
        if self.low > self.high or self.lower > self.upper:
            raise ValueError(f"expected low <= high and lower <= upper, got {self}")

    def __str__(self) -> str:
        """Bias with its interval, and the limits, in percentage points."""
        size = f"{abs(100.0 * self.bias):.1f}"
        side = f"{size} points too {'high' if self.bias > 0 else 'low'}"
        if size == "0.0":
            side = "neither too high nor too low"
        low, high = (_signed(end, 1) for end in (self.low, self.high))
        lower, upper = (_signed(end, 0) for end in (self.lower, self.upper))
        return (
            f"on average {side} [{low}, {high}]; {self.within:.0%} of single films lie between "
            f"{lower} and {upper}"
        )


@dataclass(frozen=True)
class MapErrors:
    """Errors of one map's share.

    Attributes:
        all_films: films whose true map is known, those on which it is empty included.
        positive: those of them on which it is not empty; None where they are too few.
    """

    __pydantic_config__ = STRICT

    all_films: ShareError
    positive: ShareError | None = None


@dataclass(frozen=True)
class AreaErrors:
    """Errors of the areas that users get, at the model's own thresholds.

    Attributes:
        infection: of the infected share; None where no true infection was known.
        opacity: of the opaque share; None where no true opacities were known.
        population: films that both were measured on, none of which the network was trained on.
    """

    __pydantic_config__ = STRICT

    infection: MapErrors | None
    opacity: MapErrors | None
    population: Text

    def sentences(self) -> list[str]:
        """What is known of the infected and of the opaque fraction, in sentences for a reader."""
        out = []
        for name, what, errors in (
            ("infected", "infection", self.infection),
            ("opaque", "opacity", self.opacity),
        ):
            if errors is None:
                continue
            every, positive = errors.all_films, errors.positive
            out.append(
                f"On {every.films} validation films the {name} fraction of the lungs was {every}."
            )
            if positive is not None:
                out[-1] += f" On the {positive.films} with {what} it was {positive}."
        if out:
            out.append(
                "Points are % of the lung area, + is too high; brackets hold 95 % intervals; "
                f"measured at the model's own thresholds on {self.population}."
            )
        return out


def _signed(part: float, digits: int) -> str:
    """A share of the lungs in percentage points, with its sign."""
    # A sum with 0 makes +0 of -0.
    return f"{round(100.0 * part, digits) + 0.0:+.{digits}f}"
