"""A model folder's reference outputs: what it says of three sample films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infmap.api import Model

GOLDEN = "golden.json"


def reference_figures(model: Model) -> dict[str, dict[str, float]]:
    """Shares and probability of three sample films, each in [0, 1]."""
    from infmap.phantom import sample_films

    figures = {}
    # Three of eight, from healthy to severe: the doctor should take seconds.
    for name, film in sample_films()[:6:2]:
        p = model.predict(film.pixels)
        figures[name] = {
            "lung_area": round(float(p.lungs.mean()), 5),
            "infection": round(float(p.infection.mean()), 5),
            "opacity": round(float(p.opacity.mean()), 5),
            "covid_probability": round(p.covid_probability, 5),
            "extent": round(p.severity.extent_score / 8.0, 5),
        }
    return figures


def write_golden(folder: Path, runtimes: tuple[str, ...]) -> None:
    """Write what each runtime says of the rendered films that ``infmap doctor`` reads."""
    from infmap.api import load

    figures = {name: reference_figures(load(folder, runtime=name)) for name in runtimes}
    (folder / GOLDEN).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
