"""The page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.types import Prediction, Radiograph
from infmap.report import (
    FilmRow,
    Thumb,
    ThumbStore,
    make_thumb,
    overlay,
    write_report,
)
from infmap.report.html import percent, probability

Predict = Callable[..., Prediction]

EVIL = '<img src=x onerror="alert(1)">&'


class Page(HTMLParser):
    """Collects the tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(out: Path, rows: list[FilmRow], **options: Any) -> str:
    film = make_thumb(Radiograph(np.zeros((8, 8), np.float32))).film
    thumbs = {row.id: Thumb(8, 8, film, film, film) for row in rows if row.status == "ok"}
    options.setdefault("model_card", "net 1")
    options.setdefault("operating_point", 0.6)
    path = write_report(out, [row.to_dict() for row in rows], thumbs, **options)
    assert path == out / "report.html"
    return path.read_text("utf-8")


def test_page_shows_every_film_with_its_state(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    text = page(tmp_path, one_of_each)
    ids = [a.get("id") for tag, a in Page(text).tags if tag == "article"]
    assert ids == ["film-1", "film-2", "film-3"]
    assert "3 films: 1 judged, 1 rejected, 1 failed" in text
    assert "expected a frontal film" in text
    assert "could not be read" in text
    assert "operating point 0.60" in text
    assert text.count("Research use only. Not a medical device.") == 2
    assert "net@1" in text


def test_page_lays_zones_out_as_on_the_film(tmp_path: Path, predict: Predict) -> None:
    shares = dict(zip("ABCDEF", (0.11, 0.22, 0.33, 0.44, 0.55, 0.66), strict=True))
    text = page(tmp_path, [FilmRow.of("a", "a.png", predict(zones=shares))])
    cells = re.findall(r"<b>([A-F])</b>(\d+)", text)
    assert cells == [("A", "11"), ("D", "44"), ("B", "22"), ("E", "55"), ("C", "33"), ("F", "66")]


def test_page_reaches_for_nothing_outside_itself(
    tmp_path: Path, one_of_each: list[FilmRow]
) -> None:
    text = page(tmp_path, one_of_each)
    assert not re.search(r"https?:|//[a-z]+\.", re.sub(r"base64,[\w+/=]+", "", text))
    for _, attributes in Page(text).tags:
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#"))
    assert "default-src 'none'" in text


def test_page_escapes_every_text(tmp_path: Path, predict: Predict) -> None:
    judged = predict(warnings=(EVIL,), model=EVIL, quality={EVIL: EVIL})
    rows = [
        FilmRow.of("a", EVIL, judged),
        FilmRow.rejected("b", EVIL, EVIL, warnings=[EVIL]),
        FilmRow.failed("c", EVIL, EVIL),
    ]
    text = page(tmp_path, rows, model_card=EVIL, title=EVIL)
    assert "<img" not in text
    assert not [a for _, a in Page(text).tags if "onerror" in a]
    found = [a for tag, a in Page(text).tags if tag == "tr" and a.get("data-film") == "film-3"]
    assert EVIL in str(found[0]["data-text"])


def test_page_words_a_negative_with_care(tmp_path: Path, predict: Predict) -> None:
    row = FilmRow.of("a", "a.png", predict(covid_detected=False, covid_probability=0.001))
    text = page(tmp_path, [row])
    assert "Pattern not detected" in text
    assert "does not exclude COVID-19" in text
    assert "&lt;0.01" in text


def test_page_shows_unknown_shares_as_a_dash(tmp_path: Path, predict: Predict) -> None:
    nan = float("nan")
    row = FilmRow.of(
        "a", "a.png", predict(infected_fraction=nan, zones=dict.fromkeys("ABCDEF", nan))
    )
    assert "<b>A</b>\N{EN DASH}" in page(tmp_path, [row])


def test_page_is_capped_and_says_where_the_rest_is(tmp_path: Path) -> None:
    asked: list[str] = []

    class Store(dict[str, Thumb]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.append(key)
            return default

    def rows() -> Iterator[dict[str, Any]]:
        for i in range(50):
            yield FilmRow.failed(f"f{i}", "x", "could not be read").to_dict()

    text = write_report(tmp_path, rows(), Store(), model_card="m", limit=5).read_text("utf-8")
    assert text.count("<article") == 5
    assert "first 5 of 50 films" in text
    assert "results.csv" in text
    assert asked == [f"f{i}" for i in range(5)]


def test_page_of_no_films_is_still_a_page(tmp_path: Path) -> None:
    assert "0 films" in page(tmp_path, [])


def test_figures_never_claim_certainty() -> None:
    assert [probability(v) for v in (None, 1.0, 0.0, 0.5)] == ["–", ">0.99", "<0.01", "0.50"]
    assert [percent(v) for v in (None, 0.0, 0.004, 0.345)] == ["–", "0\xa0%", "<1\xa0%", "35\xa0%"]


def test_a_real_film_makes_a_small_page(data: Path, tmp_path: Path, predict: Predict) -> None:
    films = sorted((data / "cohen" / "images").glob("*.jpg"))
    if not films:
        pytest.skip("no films in cohen/images")
    pixels = np.asarray(Image.open(films[0]).convert("L"), dtype=np.float32) / np.float32(255)
    lungs = np.zeros(pixels.shape, bool)
    lungs[pixels.shape[0] // 4 : -pixels.shape[0] // 4, pixels.shape[1] // 8 : -10] = True
    p = predict(
        infection=lungs.astype(np.float32) * pixels,
        lungs=lungs,
        infected=lungs & (pixels > 0.5),
        radiograph=Radiograph(pixels),
    )
    assert overlay(p).size == (pixels.shape[1], pixels.shape[0])
    store = ThumbStore(tmp_path)
    store.add("a", p)
    row = FilmRow.of("a", films[0].name, p).to_dict()
    path = write_report(tmp_path, [row], store, model_card="m")
    assert path.stat().st_size < 400_000
