"""What a line of ``results.jsonl`` must be, wherever it comes from: people edit such files."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Literal, Required

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from infmap.report.ids import check_id

_CONFIG = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

Figures = dict[str, float | None]


def _checked(film_id: str) -> str:
    check_id(film_id)
    return film_id


@with_config(_CONFIG)
class SeverityLine(TypedDict, total=False):
    """Of ``severity``."""

    grade: Required[str]
    extent_score: Required[float]
    grades: list[str]
    interval: Annotated[list[float], Field(max_length=2)] | None


@with_config(_CONFIG)
class PredictionLine(TypedDict, total=False):
    """One line of ``results.jsonl``, as far as it has the keys; null where unknown.

    ``Prediction.to_dict`` says what they mean.
    """

    id: Required[Annotated[str, AfterValidator(_checked)]]
    status: Required[Literal["ok", "rejected", "failed"]]
    path: str | None
    sha256: str | None
    reason: str | None
    width: int | None
    height: int | None
    covid_probability: float | None
    covid_detected: bool | None
    operating: dict[Literal["rule_out", "rule_in"], bool] | None
    infected_fraction: float | None
    infected_fraction_left: float | None
    infected_fraction_right: float | None
    opacity_fraction: float | None
    opacity_fraction_left: float | None
    opacity_fraction_right: float | None
    zones: Figures | None
    zone_areas: Figures | None
    severity: SeverityLine | None
    side_stated: bool | None
    quality: Figures | None
    warnings: list[str] | None
    calibrated_on: dict[str, str] | None
    model: str | None
    seconds: float | None


def parse(line: bytes) -> PredictionLine | None:
    """The values of a whole line; None where it is cut off, or is no line of this kind."""
    # A line without its end was cut off, even where it parses.
    if not line.endswith(b"\n"):
        return None
    try:
        values: PredictionLine = json.loads(line)
        if b"\\ud" in line.lower():
            # A file name that is not UTF-8 has stray bytes, which only Python's strings can hold.
            line = json.dumps(values, ensure_ascii=False).encode(errors="replace")
        _adapter().validate_json(line)
        return values
    except (ValueError, RecursionError):  # of pydantic, too
        return None


@cache
def _adapter() -> TypeAdapter[PredictionLine]:
    return TypeAdapter(PredictionLine)
