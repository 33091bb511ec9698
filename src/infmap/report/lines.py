"""What a line of ``results.jsonl`` must be, wherever it comes from: people edit such files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from infmap.report.ids import check_id

_CONFIG = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

Figures = dict[str, float | None]


@dataclass(frozen=True)
class _Severity:
    """Of ``severity``."""

    __pydantic_config__ = _CONFIG

    grade: str
    extent_score: float
    grades: tuple[str, ...] = ()
    interval: Annotated[tuple[float, ...], Field(max_length=2)] | None = None


@dataclass(frozen=True)
class _Line:
    """The keys of a line as far as it has them; see ``Prediction.to_dict`` for what they mean."""

    __pydantic_config__ = _CONFIG

    id: str
    status: Literal["ok", "rejected", "failed"]
    path: str | None = None
    sha256: str | None = None
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    covid_probability: float | None = None
    covid_detected: bool | None = None
    operating: dict[Literal["rule_out", "rule_in"], bool] | None = None
    infected_fraction: float | None = None
    infected_fraction_left: float | None = None
    infected_fraction_right: float | None = None
    opacity_fraction: float | None = None
    opacity_fraction_left: float | None = None
    opacity_fraction_right: float | None = None
    zones: Figures | None = None
    zone_areas: Figures | None = None
    severity: _Severity | None = None
    side_stated: bool | None = None
    quality: Figures | None = None
    warnings: tuple[str, ...] | None = None
    calibrated_on: dict[str, str] | None = None
    model: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        check_id(self.id)


def parse(line: bytes) -> dict[str, Any] | None:
    """The values of a whole line; None where it is cut off, or is no line of this kind."""
    # A line without its end was cut off, even where it parses.
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
        if b"\\ud" in line.lower():
            # A file name that is not UTF-8 has stray bytes, which only Python's strings can hold.
            line = json.dumps(values, ensure_ascii=False).encode(errors="replace")
        _adapter().validate_json(line)
        return dict(values)
    except (ValueError, RecursionError):  # of pydantic, too
        return None


@cache
def _adapter() -> TypeAdapter[_Line]:
    return TypeAdapter(_Line)
