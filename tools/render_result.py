"""Render the picture of a result that the README shows: python tools/render_result.py [FILE].

The film is the demo's severe one, rendered by the phantom; the maps are the shipped model's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import infmap
from infmap.core.types import Prediction
from infmap.phantom import sample_films
from infmap.report.overlay import (
    INFECTION_COLOUR,
    LUNG_COLOUR,
    OPACITY_COLOUR,
    overlay,
    to_bytes,
)
from infmap.report.text import grade_text

FILE = Path(__file__).resolve().parents[1] / "docs" / "images" / "result.jpg"
FILM = "severe-bilateral-peripheral"
# Pixels. Three panels of 360 fill the 1,012 pixels that GitHub gives a README, nearly.
PANEL, GAP, LINE = 360, 8, 22
BACK, INK = (16, 18, 22), (235, 235, 235)


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    # Colour at full resolution: contours are one pixel wide.
    picture().save(file, quality=88, subsampling=0, optimize=True)


def picture() -> Image.Image:
    """The film, its infection map and its opacity map side by side, with figures and a legend."""
    prediction = infmap.load().predict(dict(sample_films())[FILM].pixels)
    film = Image.fromarray(to_bytes(prediction.radiograph.pixels)).convert("RGB")
    panels = [
        ("Rendered film, not a patient", film),
        ("Infection map (COVID-19)", overlay(prediction, layer="infection", caption="")),
        ("Opacity map (any cause)", overlay(prediction, layer="opacity", caption="")),
    ]
    width = len(panels) * PANEL + (len(panels) - 1) * GAP
    sheet = Image.new("RGB", (width, PANEL + 3 * LINE + 6), BACK)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for n, (title, panel) in enumerate(panels):
        left = n * (PANEL + GAP)
        draw.text((left + 6, 2), title, fill=INK, font=font)
        small = panel.resize((PANEL, PANEL), Image.Resampling.LANCZOS)
        sheet.paste(small, (left, LINE))
    _legend(draw, (6, LINE + PANEL + 4), font)
    draw.text((6, PANEL + 2 * LINE + 2), _figures(prediction), fill=INK, font=font)
    return sheet


def _legend(draw: ImageDraw.ImageDraw, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    """One stroke and one name for each contour, from left to right."""
    x, y = at
    middle = y + LINE // 2 - 3
    for colour, name, dashed in (
        (LUNG_COLOUR, "lungs", False),
        (INFECTION_COLOUR, "infected region", False),
        (OPACITY_COLOUR, "opacity of any cause", True),
    ):
        for start in range(0, 30, 10 if dashed else 30):
            draw.line((x + start, middle, x + start + (6 if dashed else 30), middle), colour, 2)
        draw.text((x + 38, y - 2), name, fill=INK, font=font)
        x += 62 + round(draw.textlength(name, font=font))


def _figures(prediction: Prediction) -> str:
    """The figures of the film in one line."""
    severity = prediction.severity
    return (
        f"COVID-19 probability {prediction.covid_probability:.2f}; "
        f"infected {prediction.infected_fraction:.0%} and opaque "
        f"{prediction.opacity_fraction:.0%} of the lung area; "
        f"extent {severity.extent_score:.1f} of 8 "
        f"({severity.interval[0]:.1f} to {severity.interval[1]:.1f}); "
        f"grade {grade_text(severity.grade, severity.grades)}"
    )


if __name__ == "__main__":
    main()
