"""The page in a browser: it fits every width, and its controls do what they say.

Needs Playwright and Debian's Chromium; skipped where either is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infmap.core.types import Prediction, Severity
from infmap.report import FilmRow, ThumbStore, write_report

pytest.importorskip("playwright", reason="Playwright is not installed: pip install 'infmap[dev]'")
from playwright.sync_api import Browser, Page

Predict = Callable[..., Prediction]
LONG = "an-archive-of-a-hospital/" * 6 + "x" * 120 + ".png"
WARNING = "A sentence that says what a reader should know of this film. " * 3
MODEL = "a-network-with-quite-a-long-name-of-its-own@12.34.56"


@pytest.fixture
def report(tmp_path: Path, predict: Predict) -> Path:
    """A page of judged, rejected and failed films with names and texts as long as they come."""
    severity = Severity("moderate", 3.0, (0.3, 7.2), grades=("none", "mild", "moderate", "severe"))
    judged = predict(
        severity=severity,
        warnings=(WARNING, "w" * 200),
        model=MODEL,
        doubt=np.full((96, 128), 0.5, np.float32),
        quality={"mediastinum_contrast": 0.123456, "lung_share": 0.25},
    )
    other = predict(infected_fraction=0.0, infected=np.zeros((96, 128), bool))
    rows = [
        FilmRow.of("x" * 150, LONG, judged),
        FilmRow.of("b", "b.png", other),
        FilmRow.rejected(
            "c", LONG, WARNING, "cd" * 32, model=MODEL, quality={"smoothness": 0.1}, width=9
        ),
        FilmRow.failed("d", LONG, "could not be read: " + "y" * 150),
    ]
    store = ThumbStore(tmp_path)
    for row, source in zip(rows, (judged, other, judged.radiograph), strict=False):
        store.add(row.id, source)
    return write_report(
        tmp_path,
        [row.to_dict() for row in rows],
        store,
        model_card="card " * 60,
        title="A report with a title that is not short either",
        operating_point=0.3,
    )


def open_page(browser: Browser, report: Path, **options: Any) -> Page:
    page = browser.new_page(**options)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(report.as_uri())
    assert errors == []
    return page


@pytest.mark.parametrize("width", [320, 360, 390, 414, 600, 768, 1280, 1920])
def test_nothing_leaves_the_page_or_its_card_at_any_width(
    browser: Browser, report: Path, width: int
) -> None:
    page = open_page(browser, report, viewport={"width": width, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    out = page.evaluate(
        """() => [...document.querySelectorAll('.film')].flatMap(film => {
             const card = film.getBoundingClientRect();
             return [...film.querySelectorAll('*')].filter(e => {
               const box = e.getBoundingClientRect();
               return !e.closest('svg') && box.width && box.right > card.right + 1;
             }).map(e => e.outerHTML.slice(0, 80));
           })"""
    )
    page.close()
    assert wide <= width
    assert out == []


def test_the_models_name_takes_at_most_two_lines_on_a_phone(browser: Browser, report: Path) -> None:
    page = open_page(browser, report, viewport={"width": 360, "height": 800})
    lines = page.evaluate(
        """() => [...document.querySelectorAll('dd')].filter(e => e.textContent.includes('@12'))
             .map(e => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight))"""
    )
    page.close()
    assert len(lines) == 2
    assert max(lines) < 2.5


def shown(page: Page) -> list[str]:
    """Maps that are to be seen on the first film."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#film-1 .map')].filter(m => !m.classList.contains("
        "'hidden')).map(m => m.dataset.layer)"
    )
    return found


def test_maps_and_contours_are_switched_by_mouse_and_keys(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    film = page.locator("#film-1")
    assert shown(page) == ["infection"]
    film.get_by_label("opacity", exact=True).check()
    assert shown(page) == ["opacity"]
    assert "opacity map" in (film.locator(".mapped").get_attribute("aria-label") or "")
    assert film.locator(".caption").text_content() == "opacity map (any cause)"
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["doubt"]
    page.keyboard.press("m")
    assert shown(page) == []
    assert film.locator("[data-do=strength]").is_disabled()
    page.keyboard.press("m")
    assert shown(page) == ["infection"]
    lines = film.locator(".mapped use.line:not(.hidden)")
    before = lines.count()
    film.get_by_label("opacity of any cause").uncheck()
    assert lines.count() == before - 2
    page.keyboard.press("c")
    assert lines.count() == 0
    page.keyboard.press("c")
    assert lines.count() == before
    page.keyboard.press("i")
    assert film.locator(".tone").get_attribute("filter")
    film.get_by_role("button", name="Reset").click()
    assert film.locator(".tone").get_attribute("filter") is None
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "film-2"
    page.close()


def test_a_film_without_infection_opens_with_its_opacity(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    assert page.locator("#film-2 .map:not(.hidden)").get_attribute("data-layer") == "opacity"
    page.close()


def test_the_list_is_filtered_by_status_and_words(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    page.select_option("#status", "rejected")
    assert page.locator(".film:visible").count() == 1
    page.select_option("#status", "")
    page.fill("#find", "could not be read")
    assert page.locator(".film:visible").get_attribute("id") == "film-4"
    page.close()


def test_a_reader_chooses_how_many_films_a_printed_page_has(browser: Browser, report: Path) -> None:
    page = open_page(browser, report, viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print")
    heights = {}
    for layout in ("full", "compact"):
        page.evaluate("name => { document.body.dataset.print = name; }", layout)
        heights[layout] = page.locator("#film-2").bounding_box()["height"]  # type: ignore[index]
        assert page.locator("#film-2").get_by_text("Research use only").is_visible()
        assert not page.locator("#layout").is_visible()
    # A4 at 96 pixels an inch, less margins of 10 mm: 1047 pixels.
    assert 2 * (heights["full"] + 8) <= 1047
    assert 4 * (heights["compact"] + 5) <= 1047
    page.emulate_media(media="screen")
    page.select_option("#layout", "table")
    page.emulate_media(media="print")
    assert page.locator(".film:visible").count() == 0
    assert page.locator("#summary").is_visible()
    page.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_stands_out_from_its_ground(browser: Browser, report: Path, scheme: Any) -> None:
    page = open_page(browser, report, color_scheme=scheme)
    ratios = page.evaluate(
        """() => {
          const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 || n[3] > 0.5 ? n.slice(0, 3) : null; };
          const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; } };
          return [...document.querySelectorAll('p, dd, dt, h2, h3, label, li, th, td, button, span')]
            .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
            .map(e => { const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
                        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 90)]; })
            .filter(([ratio]) => ratio < 4.5);
        }"""  # noqa: E501 - WCAG 2.1, 1.4.3: contrast of 4.5 at least
    )
    page.close()
    assert ratios == []
