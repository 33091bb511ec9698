"""Prior films beside, a pen, a senior between readers, and a project's agreement on its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import select

from infmap.annotation import films, planning, projects, schema
from infmap.annotation.decisions import Revision
from infmap.web.film_encoding import decode_film

from .desk import BENCH, Pen, Reader, Room, mask_of, revisions
from .page_pictures import assert_accessible, keep_picture
from .reading_room import PASSWORD, add
from .simulated_readers import read_all

SIZE = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Two films of one patient."""
    room = Room(tmp_path_factory.mktemp("reading") / "station", count=2)
    room.start()
    yield room
    room.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=SIZE, has_touch=True)
    yield made
    made.close()


def at_desk(context: BrowserContext, room: Room, name: str) -> Reader:
    reader = Reader(context.new_page(), room, name)
    reader.sign_in(PASSWORD)
    reader.open()
    return reader


def test_the_prior_film_of_the_patient_is_shown_beside(room: Room, context: BrowserContext) -> None:
    reader = at_desk(context, room, "ann").drawing()
    page = reader.page
    page.get_by_role("button", name="Prior film").click()
    expect(page.locator("figcaption", has_text="Prior film, 7 days before")).to_be_visible()
    shown = page.evaluate(
        "async () => { " + BENCH + "return Array.from("
        "bench.surface.panes[1].film.levels[0].pixels) }"
    )
    film = page.evaluate("async () => { " + BENCH + "return bench.task.film.id }")
    store = room.store()
    with store.read() as c:
        (prior,) = films.priors(c, film)
    levels, _ = decode_film((store.film_folder(prior.film) / "full").read_bytes())
    store.close()
    assert np.array_equal(np.array(shown).reshape(levels.shape), levels)
    # The mask is drawn on as before, and the prior film takes no stroke.
    before = reader.mask()
    x, y, width, height = page.locator("figure").nth(1).bounding_box().values()
    page.mouse.move(x + width / 2, y + height / 2)
    page.mouse.down()
    page.mouse.move(x + width / 2 + 40, y + height / 2)
    page.mouse.up()
    assert np.array_equal(reader.mask(), before)
    reader.drag((80, 90), (150, 100))
    assert not np.array_equal(reader.mask(), before)
    page.keyboard.press("Control+z")
    page.keyboard.press("m")
    expect(page.locator("figcaption", has_text="Prior film")).to_have_count(0)
    assert reader.errors == []


def test_a_pen_draws_and_from_then_on_a_palm_does_not(room: Room, context: BrowserContext) -> None:
    reader = at_desk(context, room, "ann").drawing()
    pen = Pen(reader)
    before = reader.mask()
    pen.palm((60, 60), (90, 60))
    touched = reader.mask()
    assert not np.array_equal(touched, before)  # a finger draws where there is no pen
    pen.draw((80, 150), (120, 160), (160, 150))
    drawn = reader.mask()
    assert drawn[160, 120] != touched[160, 120] or drawn[155, 100] != touched[155, 100]
    pen.palm((60, 200), (90, 200))
    assert np.array_equal(reader.mask(), drawn)
    reader.saved()
    assert reader.errors == []


def test_a_single_mask_needs_no_pointing_out(room: Room, context: BrowserContext) -> None:
    store = room.store()
    with store.begin() as c:
        (project,) = projects.every(c)
        projects.change(c, project.id, replace(project.settings, candidates=1))
    add(store, project.id, 2, 256)
    with store.begin() as c:
        planning.plan(c, project.id)
    reader = at_desk(context, room, "ben")
    task = reader.task
    expect(reader.page.get_by_text("Keep this mask, edit it")).to_be_visible()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_function(
        "t => document.querySelector('main').dataset.task !== t", arg=task
    )
    (revision,) = revisions(store, task)
    assert (revision.kind, revision.side) == ("choose", "A")
    store.close()
    assert reader.errors == []


Fill = Callable[[int, float], Room]


@pytest.fixture
def fill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fill]:
    """Starts a station whose films ann and ben have read."""
    started: list[Room] = []

    def start(count: int, unaided: float) -> Room:
        started.append(Room(tmp_path_factory.mktemp("read") / "station", count=count, size=128))
        started[-1].start()
        read_all(started[-1], unaided)
        return started[-1]

    yield start
    for room in started:
        room.kill()


def test_a_senior_decides_between_readers_without_knowing_who_drew_what(
    fill: Fill, context: BrowserContext
) -> None:
    room = fill(4, 0.0)
    sue = at_desk(context, room, "sue")
    page, task = sue.page, sue.task
    assert sue.mode == "choose"
    expect(page.locator(".guide")).to_contain_text("readers do not agree")
    expect(page.locator("figcaption")).to_have_text(["Mask A", "Mask B"])
    text = str(page.locator("body").text_content())
    assert "ann" not in text.replace("annotation", "") and "ben" not in text
    page.keyboard.press("2")
    page.keyboard.press("d")
    expect(page.locator("[data-mode=draw]")).to_be_visible()
    sue.drag((40, 45), (60, 50))
    sue.saved()
    mask = sue.mask()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("t => document.querySelector('main').dataset.task !== t", arg=task)
    store = room.store()
    (made,) = revisions(store, task)
    assert isinstance(made, Revision)
    assert (made.kind, made.side, made.origin) == ("edit", "B", "edited from hand")
    assert np.array_equal(mask_of(store, made.id), mask)
    with store.read() as c:
        of = schema.tasks.c
        kind = c.execute(select(of.kind).where(of.id == task)).scalar_one()
        assert (kind, films.get(c, made.film).state) == ("adjudicate", "approved")
    store.close()
    assert sue.errors == []


def test_a_projects_agreement_is_shown_and_pictured(
    fill: Fill, browser: Browser, tmp_path: Path
) -> None:
    room = fill(30, 0.4)
    context = browser.new_context(viewport={"width": 1240, "height": 780})
    olga = Reader(context.new_page(), room, "olga")
    olga.sign_in(PASSWORD)
    page = olga.page
    page.get_by_role("link", name="Progress and agreement").click()
    page.wait_for_load_state("networkidle")
    readers = page.get_by_role("table", name="Agreement of readers")
    expect(readers).to_contain_text("ann, ben")
    unaided = page.get_by_role("table", name="Films with and without proposals")
    for figure in ("seconds", "Dice with consensus", "Dice with proposals", "marked share"):
        expect(unaided).to_contain_text(figure)
    expect(page.get_by_role("table", name="Networks, by round")).to_contain_text("fine@1")
    page.get_by_text("Agreement of readers, by zone and month").click()
    fine = page.get_by_role("table", name="agreement-fine")
    expect(fine).to_contain_text("A")
    assert_accessible(page)
    page.get_by_text("Agreement of readers, by zone and month").click()
    page.get_by_role("heading", name="Agreement", exact=True).scroll_into_view_if_needed()
    keep_picture(page, "agreement", tmp_path, whole=True)
    assert olga.errors == []
    context.close()
