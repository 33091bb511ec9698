"""Accessibility of a page, and its picture for the documentation."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python is not installed: pip install 'infmap[dev]'",
)
IMAGES = os.environ.get("INFMAP_DOC_IMAGES")
"""Folder that gets the documentation's pictures; a folder of the test's own by default."""


def keep_picture(page: Page, name: str, folder: Path, *, whole: bool = False) -> None:
    """Write annotate-NAME.png of what is seen of a page, or of the whole page."""
    folder = Path(IMAGES) if IMAGES else folder
    shot = page.screenshot(scale="css", full_page=whole)
    picture = Image.open(BytesIO(shot)).convert("RGB")
    small = picture.quantize(palette=palette(picture), dither=Image.Dither.NONE)
    small.save(folder / f"annotate-{name}.png", optimize=True)


def palette(picture: Image.Image) -> Image.Image:
    """128 true greys, so that a film stays grey, and 128 colours of what is coloured."""
    pixels = np.asarray(picture)
    # Grey levels differ by less than this from channel to channel on the page's dark surfaces.
    coloured = pixels[np.ptp(pixels, axis=2) > 12]
    colours = Image.fromarray(coloured[None]).quantize(128, Image.Quantize.MAXCOVERAGE)
    found = (colours.getpalette() or [])[: 3 * 128]
    greys = [level for grey in range(0, 256, 2) for level in (grey, grey, grey)]
    made = Image.new("P", (1, 1))
    made.putpalette(greys + found)
    return made


def assert_accessible(page: Page) -> None:
    """Hold that axe-core finds nothing at WCAG 2.2 AA and in its best practices."""
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
