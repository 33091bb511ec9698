"""Rows of films."""

from __future__ import annotations

from typing import Any

from infmap.catalog.schema import COLUMNS


def row(source: str, number: int, **known: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(COLUMNS["films"])
    name = f"{source}/{number}.png"
    return empty | {
        "film_id": name, "source": source, "path": f"{number}.png", "duplicate_group": name,
        "patient_id": f"{source}:{number}", "width": 64, "height": 64,
    } | known  # fmt: skip
