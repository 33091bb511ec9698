"""Two operating points of a film's probability: to rule COVID-19 out, and to rule it in.

They stand beside the one of ``Thresholds``, which decides what is detected and drawn. Each says how
sensitive and specific it was on films that the network was not trained on, source by source, and
what a finding is worth where COVID-19 is rare or common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
PREVALENCES = (0.05, 0.2, 0.5)
"""Shares of COVID-19 among films at which predictive values are stated: screening, a ward during a
wave, a referral for suspected COVID-19."""

Part = Annotated[float, Field(ge=0.0, le=1.0)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True)
class Rate:
    """A share of films with its 95 % interval by patient.

    Attributes:
        value: the share, [0, 1].
        low: lower end.
        high: upper end.
        films: films that it stands on.

    Raises:
        ValueError: the ends are the wrong way round.
    """

    __pydantic_config__ = STRICT

    value: Part
    low: Part
    high: Part
    films: Annotated[int, Field(ge=1)]

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")

    def __str__(self) -> str:
        """Value and interval, to three decimals."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class SourceRates:
    """How good a point is on one source.

    Attributes:
        source: its name.
        sensitivity: None where the source has too few films of COVID-19.
        specificity: None where it has too few films known to be of something else.
    """

    __pydantic_config__ = STRICT

    source: Text
    sensitivity: Rate | None = None
    specificity: Rate | None = None


@dataclass(frozen=True)
class PredictiveValues:
    """What an answer is worth at a prevalence (Bayes), each with an interval.

    The interval takes the lower ends of sensitivity and specificity together, and both upper ones:
    it is wider than 95 %.

    Attributes:
        prevalence: share of COVID-19 among films.
        positive: (value, low, high), share of COVID-19 among films at or above the point.
        negative: (value, low, high), share of others among films below it.
    """

    __pydantic_config__ = STRICT

    prevalence: Share
    positive: tuple[Part, Part, Part]
    negative: tuple[Part, Part, Part]


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the film's probability, and what it is worth.

    Attributes:
        threshold: of the film's probability, (0, 1).
        aim: what it was chosen for.
        sensitivity: mean over sources, each counting the same.
        specificity: the same.
        predictive: at ``PREVALENCES``.
        sources: source by source.
    """

    __pydantic_config__ = STRICT

    threshold: Share
    aim: Text
    sensitivity: Rate
    specificity: Rate
    predictive: tuple[PredictiveValues, ...] = ()
    sources: tuple[SourceRates, ...] = ()


@dataclass(frozen=True)
class OperatingPoints:
    """To rule out and to rule in.

    Attributes:
        rule_out: a film below it is unlikely to show COVID-19.
        rule_in: a film at or above it is unlikely to be of something else.
        population: films that both were chosen and measured on.

    Raises:
        ValueError: ``rule_out`` lies above ``rule_in``.
    """

    __pydantic_config__ = STRICT

    rule_out: OperatingPoint
    rule_in: OperatingPoint
    population: Text

    def __post_init__(self) -> None:
        if self.rule_out.threshold > self.rule_in.threshold:
            raise ValueError(
                f"expected rule_out at most rule_in, {self.rule_in.threshold:g}, "
                f"got {self.rule_out.threshold:g}"
            )

    def decide(self, probability: float) -> dict[str, bool]:
        """The field ``operating`` of a line of results.

        Args:
            probability: of COVID-19 on the film, [0, 1].

        Returns:
            ``rule_out``: the film lies below that point; ``rule_in``: it reaches that one.
        """
        return {
            "rule_out": probability < self.rule_out.threshold,
            "rule_in": probability >= self.rule_in.threshold,
        }

    def sentence(self) -> str:
        """Which films both points were measured on, and what they are worth there."""
        out, into = self.rule_out, self.rule_in
        return (
            f"Rule-out below {out.threshold:.4g} (sensitivity {out.sensitivity}), rule-in from "
            f"{into.threshold:.4g} (specificity {into.specificity}), measured on {self.population}"
        )


def predictive_values(prevalence: float, sensitivity: Rate, specificity: Rate) -> PredictiveValues:
    """Predictive values by Bayes' rule, see ``PredictiveValues``.

    Where no film at all would be called (or none left uncalled), its value is that of chance.
    """
    pairs = [(getattr(sensitivity, k), getattr(specificity, k)) for k in ("value", "low", "high")]
    positive = [_bayes(prevalence, se, 1.0 - sp) for se, sp in pairs]
    negative = [_bayes(1.0 - prevalence, sp, 1.0 - se) for se, sp in pairs]
    return PredictiveValues(prevalence, _three(positive), _three(negative))


def _bayes(prior: float, true: float, false: float) -> float:
    called = prior * true + (1.0 - prior) * false
    return prior * true / called if called else prior


def _three(values: list[float]) -> tuple[float, float, float]:
    value, low, high = (round(v, 4) for v in values)
    return value, min(low, value), max(high, value)
