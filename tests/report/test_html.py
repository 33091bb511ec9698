"""The page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.types import CalibratedOn, Prediction, Radiograph, Severity
from infmap.inference.quality import limits
from infmap.report import (
    FilmRow,
    Thumb,
    ThumbStore,
    make_thumb,
    overlay,
    write_report,
)

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
    lines = dict.fromkeys(("lungs", "infected", "opaque"), "M1 1L2 2L2 1Z")
    maps = {"infection": film, "opacity": film}
    thumbs = {row.id: Thumb(8, 8, film, maps, lines) for row in rows if row.status == "ok"}
    thumbs |= {row.id: Thumb(8, 8, film) for row in rows if row.status == "rejected"}
    options.setdefault("model_card", "net 1")
    options.setdefault("operating_point", 0.6)
    path = write_report(out, [row.to_dict() for row in rows], thumbs, **options)
    assert path == out / "report.html"
    return path.read_text("utf-8")


def test_page_shows_every_film_with_its_state(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    text = page(tmp_path, one_of_each)
    ids = [a.get("id") for tag, a in Page(text).tags if tag == "article"]
    assert ids == ["film-1", "film-2", "film-3"]
    assert "3 films: 1 assessed, 1 rejected, 1 failed" in text
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


def test_page_prints_the_grade_with_its_range(tmp_path: Path, predict: Predict) -> None:
    severity = Severity("mild", 1.5, (0.0, 3.0), grades=("none", "mild", "moderate"))
    text = page(tmp_path, [FilmRow.of("a", "a.png", predict(severity=severity))])
    assert text.count("mild (none to moderate)") >= 3
    assert text.count('class="allowed"') == 2
    assert text.count('aria-current="true"') == 1


def test_page_shows_opacity_as_a_layer_a_dashed_line_and_figures_by_lung(
    tmp_path: Path, predict: Predict
) -> None:
    p = predict(opacity_fraction=0.41, opacity_fraction_left=0.53, opacity_fraction_right=0.31)
    text = page(tmp_path, [FilmRow.of("a", "a.png", p)])
    tags = Page(text).tags
    layers = [a["data-layer"] for tag, a in tags if tag == "image" and "data-layer" in a]
    assert layers == ["infection", "opacity"]
    radios = [a for tag, a in tags if a.get("type") == "radio"]
    assert [a["value"] for a in radios] == ["infection", "opacity", ""]
    assert len({a["name"] for a in radios}) == 1
    boxes = [a["value"] for tag, a in tags if a.get("type") == "checkbox"]
    assert boxes == ["lungs", "infected", "opaque"]
    styles = dict(re.findall(r"^\.line\.(\w+) \{(.*)\}$", text, re.M))
    assert "stroke-dasharray" in styles["opaque"]
    assert "stroke-dasharray" not in styles["lungs"] + styles["infected"]
    assert len(set(re.findall(r"rgb\(.*?\)", " ".join(styles.values())))) == 3
    assert "<td>31\xa0%</td><td>53\xa0%</td>" in text


@pytest.mark.parametrize(
    ("infected", "opaque", "shown"),
    [(0.2, 0.3, "infection"), (0.0, 0.3, "opacity"), (0.0, 0.0, "infection")],
)
def test_page_opens_with_the_map_that_has_something_to_show(
    tmp_path: Path, predict: Predict, infected: float, opaque: float, shown: str
) -> None:
    p = predict(infected_fraction=infected, opacity_fraction=opaque)
    text = page(tmp_path, [FilmRow.of("a", "a.png", p)])
    checked = [a["value"] for tag, a in Page(text).tags if "checked" in a and a["type"] == "radio"]
    assert checked == [shown]
    hidden = [a for _, a in Page(text).tags if a.get("class") == "map hidden"]
    assert [a["data-layer"] for a in hidden] == [
        name for name in ("infection", "opacity") if name != shown
    ]


def test_every_control_of_the_page_has_a_name(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    text = page(tmp_path, one_of_each)
    for control in re.findall(r"<(?:input|select)\b[^>]*>", text):
        place = text.index(control)
        labelled = text.rfind("<label", 0, place) > text.rfind("</label>", 0, place)
        assert labelled or "aria-label" in control
    assert text.count("<fieldset") == text.count("<legend") == 3
    ids = [a["id"] for _, a in Page(text).tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_page_says_whether_the_sides_are_stated(tmp_path: Path, predict: Predict) -> None:
    film = predict().radiograph
    stated = predict(radiograph=replace(film, side_stated=True))
    text = page(tmp_path, [FilmRow.of("a", "a.dcm", stated), FilmRow.of("b", "b.png", predict())])
    one, other = text.split("<article")[1:3]
    assert "Patient’s left" in one and "assumed" not in one
    assert "header states" in one
    assert "Left (assumed)" in other and "does not state" in other


def test_page_shows_a_rejected_film_with_what_the_gate_measured(tmp_path: Path) -> None:
    row = FilmRow.rejected(
        "b",
        "in/b.png",
        "noise",
        "cd" * 32,
        width=500,
        height=400,
        model="net@1",
        quality={"smoothness": 0.123, "tone_range": 0.5, "own": 7.0},
    )
    text = page(tmp_path, [row])
    low = limits()["smoothness"][0]
    assert re.search(
        rf'class="out"><th scope="row">smoothness</th><td>0.123 \(outside\)</td>'
        rf"<td>at least {low:.3g}</td>",
        text,
    )
    assert text.count('class="out"') == 1
    assert "<td>0.5</td>" in text and "<td>7</td><td>\N{EN DASH}</td>" in text
    for shown in ("cd" * 32, "500 × 400 pixels", "net@1", "Rejected: read, but not assessed."):
        assert shown in text
    assert [a for tag, a in Page(text).tags if tag == "image"]


def test_page_names_the_films_that_calibrated_or_says_that_none_is_stated(
    tmp_path: Path, predict: Predict
) -> None:
    row = FilmRow.of("a", "a.png", predict()).to_dict()
    row["calibrated_on"] = {"probability": "the films of X", "severity": "the films of Y"}
    text = write_report(tmp_path, [row], {}, model_card="m").read_text("utf-8")
    assert "Calibrated on the films of X" in text
    assert "Calibrated on the films of Y" in text
    row["calibrated_on"] = asdict(CalibratedOn())
    text = write_report(tmp_path, [row], {}, model_card="m").read_text("utf-8")
    assert "Calibrated on" not in text
    assert text.lower().count("not calibrated on any stated films") == 2
    del row["calibrated_on"]
    assert "Calibrated on" not in write_report(tmp_path, [row], {}, model_card="m").read_text()


@pytest.mark.parametrize(
    ("rule_out", "rule_in", "said"),
    [(True, False, "Below the rule-out"), (False, True, "At or above the rule-in"),
     (False, False, "Between the rule-out and the rule-in")],
)  # fmt: skip
def test_page_says_where_a_film_lies_and_which_films_the_points_were_measured_on(
    tmp_path: Path, predict: Predict, rule_out: bool, rule_in: bool, said: str
) -> None:
    row = FilmRow.of("a", "a.png", predict()).to_dict()
    row["operating"] = {"rule_out": rule_out, "rule_in": rule_in}
    page = write_report(tmp_path, [row], {}, model_card="m", rules="Measured on X")
    text = page.read_text("utf-8")
    assert f"{said} point" in text and "Measured on X." in text
    row["operating"] = None
    assert "rule-out" not in write_report(tmp_path, [row], {}, model_card="m").read_text("utf-8")


def test_page_says_how_far_shares_of_the_lungs_were_from_the_truth(
    tmp_path: Path, predict: Predict
) -> None:
    row = FilmRow.of("a", "a.png", predict()).to_dict()
    told = ("The infected share was 1 < 2.", "Points are %.")
    page = write_report(tmp_path, [row], {}, model_card="m", areas=told).read_text("utf-8")
    assert "The infected share was 1 &lt; 2. Points are %.</p>" in page
    assert "infected share was" not in write_report(tmp_path, [row], {}, model_card="m").read_text(
        "utf-8"
    )


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
