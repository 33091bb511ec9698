"""Tests of `infmap.audit.text`."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from infmap.audit.text import find_text
from infmap.phantom import render


def writing_on(seed: int, side: int) -> tuple[Any, Any, Any]:
    """What is found on a phantom without its marker, with it, and with a line of text."""
    film = render(seed, size=side, opacities=seed % 4)
    lungs = film.lungs.astype(np.float32)
    clean, edge = film.pixels.copy(), round(0.16 * side)
    clean[:edge, :edge] = np.median(clean[edge : edge + 6, :edge])
    across, down = [(0.05, 0.03), (0.6, 0.03), (0.05, 0.93), (0.55, 0.93)][seed // 4 % 4]
    words = ["PORTABLE", "AP ERECT", "12:45 03/04/2020", "SUPINE"][seed % 4]
    image, font = Image.fromarray(clean), ImageFont.load_default(max(9, round(0.04 * side)))
    ImageDraw.Draw(image).text((across * side, down * side), words, fill=0.97, font=font)
    films = (clean, film.pixels, np.asarray(image))
    return tuple(find_text(pixels, lungs) for pixels in films)  # type: ignore[return-value]


def test_writing_on_phantoms_is_found_and_clean_phantoms_are_clean() -> None:
    found = [writing_on(seed, (256, 384)[seed % 2]) for seed in range(32)]
    clean, marked, written = zip(*found)
    assert sum(text.glyphs > 0 for text in clean) == 0
    assert sum(text.glyphs > 0 for text in marked) == 32
    assert not any(text.line for text in marked)
    assert sum(text.line for text in written) == 24  # the rest: white writing on a white abdomen


def test_a_blank_film_has_no_writing() -> None:
    assert find_text(np.full((64, 48), 0.5, np.float32)).glyphs == 0
