"""Tools, keyboard, touch, accessibility, the other pages, and the documentation's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from .desk import BENCH, Reader, Room
from .page_pictures import assert_accessible, keep_picture
from .reading_room import NAMES, PASSWORD

SIZE = {"width": 1400, "height": 880}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    # Ann holds the film she reads and the next one: enough are left for ben to choose from.
    room = Room(tmp_path_factory.mktemp("room") / "station", count=8, size=512)
    room.start()
    yield room
    room.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    # Touch events come as from a tablet; the mouse works as ever.
    made = browser.new_context(viewport=SIZE, has_touch=True)
    yield made
    made.close()


@pytest.fixture
def reader(context: BrowserContext, room: Room) -> Reader:
    """Before a mask of one film, the same for all tests here."""
    made = Reader(context.new_page(), room)
    made.sign_in(PASSWORD)
    made.open()
    return made.drawing()


def ask(page: Page, body: str) -> object:
    return page.evaluate("async () => { " + BENCH + body + "}")


def test_every_tool_works_from_the_keyboard_alone(reader: Reader) -> None:
    page, press = reader.page, reader.page.keyboard.press
    page.locator("canvas").focus()
    press("2")
    press("x")
    ask(page, "bench.drawing.cursor = { x: 100, y: 100 }")
    for key in ("ArrowRight", "ArrowDown"):
        press("b")
        press(" ")
        for _ in range(5):
            press(key)
        press(" ")
    brushed = reader.mask() & 2
    assert brushed.any()
    press("e")
    press(" ")
    press("ArrowLeft")
    press(" ")
    assert 0 < (reader.mask() & 2).sum() < brushed.sum()
    press("Control+z")
    assert np.array_equal(reader.mask() & 2, brushed)
    # A polygon by corners: a triangle of 100 film pixels.
    press("x")
    press("p")
    for x, y in ((200, 200), (300, 200), (200, 300)):
        ask(page, f"bench.drawing.cursor = {{ x: {x}, y: {y} }}")
        press(" ")
    press("Enter")
    drawn = (reader.mask() & 2) != 0
    assert abs(int(drawn.sum()) - 5000) < 100
    assert drawn[210, 210]
    assert not drawn[290, 290]
    press("x")
    assert not (reader.mask() & 2).any()


def test_a_lasso_fills_and_smooth_and_fill_holes_change_the_label(reader: Reader) -> None:
    press = reader.page.keyboard.press
    press("3")
    press("x")
    press("l")
    reader.drag((100, 100), (200, 100), (200, 200), (100, 200), (100, 101))
    assert abs(int(((reader.mask() & 4) != 0).sum()) - 10000) < 300
    press("e")
    ask(reader.page, "bench.drawing.radius = 5")
    reader.drag((150, 150), (151, 150))
    assert not reader.mask()[150, 150] & 4
    press("o")
    assert reader.mask()[150, 150] & 4
    corner = reader.mask()[100:104, 100:104].copy()
    press("s")
    assert not np.array_equal(reader.mask()[100:104, 100:104], corner)
    reader.saved()


def test_the_threshold_brush_paints_bright_pixels_inside_the_lungs_only(reader: Reader) -> None:
    press = reader.page.keyboard.press
    press("6")
    press("x")
    press("t")
    ask(reader.page, "bench.drawing.least = 0.4; bench.drawing.radius = 90")
    reader.drag((120, 200), (200, 330), (380, 250))
    painted = (reader.mask() & 32) != 0
    lungs = np.array(ask(reader.page, "return Array.from(bench.drawing.lungs)"), bool)
    film = np.array(ask(reader.page, "return Array.from(bench.surface.film.levels[0].pixels)"))
    center, width = ask(reader.page, "return [bench.surface.look.center, bench.surface.look.width]")
    lungs, film = lungs.reshape(painted.shape), film.reshape(painted.shape)
    assert painted.any()
    assert not painted[~lungs].any()
    assert film[painted].min() >= center - 0.1 * width
    press("x")
    reader.saved()


def test_right_drag_is_window_and_level_and_undo_does_not_touch_it(reader: Reader) -> None:
    mouse = reader.page.mouse
    before = ask(reader.page, "return { ...bench.surface.look }")
    mask = reader.mask()
    mouse.move(*reader.place(200, 200))
    mouse.down(button="right")
    mouse.move(*reader.place(300, 260), steps=5)
    mouse.up(button="right")
    after = ask(reader.page, "return { ...bench.surface.look }")
    assert after["width"] > before["width"]
    assert after["center"] > before["center"]
    reader.page.keyboard.press("0")
    assert ask(reader.page, "return bench.surface.look.center") == before["center"]
    assert np.array_equal(reader.mask(), mask)


def test_one_finger_draws_and_two_zoom_without_a_stroke(
    reader: Reader, context: BrowserContext
) -> None:
    page = reader.page
    page.keyboard.press("5")
    page.keyboard.press("b")
    wire = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [reader.place(*p) for p in points]
        wire.send(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(at)],
            },
        )

    before = reader.mask()
    touch("touchStart", (150, 150))
    touch("touchStart", (150, 150), (300, 300))
    scale = ask(page, "return bench.surface.viewpoint.scale")
    touch("touchMove", (100, 100), (350, 350))
    touch("touchEnd")
    assert ask(page, "return bench.surface.viewpoint.scale") > scale
    assert np.array_equal(reader.mask(), before)
    page.keyboard.press("f")
    touch("touchStart", (150, 150))
    touch("touchMove", (200, 200))
    touch("touchEnd")
    assert reader.mask()[150, 150] & 16
    page.keyboard.press("Control+z")
    assert np.array_equal(reader.mask(), before)


def test_single_keys_can_be_switched_off(reader: Reader) -> None:
    page = reader.page
    page.keyboard.press("F1")
    page.get_by_label("Keys without Ctrl or Alt work").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("e")
    assert ask(page, "return bench.drawing.tool") == "brush"
    page.keyboard.press("F1")
    page.get_by_label("Keys without Ctrl or Alt work").check()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("e")
    assert ask(page, "return bench.drawing.tool") == "eraser"


def test_all_pages_are_accessible_and_pictured(
    browser: Browser, room: Room, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1240, "height": 780})
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda m: blocked.append(m.text) if "Content Security" in m.text else None)

    def look(name: str = "") -> None:
        assert_accessible(page)
        if name:
            keep_picture(page, name, tmp_path)

    ben = Reader(page, room, "ben")
    page.goto(room.url)
    expect(page.get_by_role("heading", name="Annotation station")).to_be_visible()
    look("sign-in")
    ben.fill_in(PASSWORD)
    expect(page.get_by_role("link", name="Read the next film")).to_be_visible()
    look("projects")
    ben.open()
    while ben.mode == "draw":  # a film without proposals came first
        before = ben.task
        page.keyboard.press("r")
        look()
        page.get_by_role("button", name="Reject", exact=True).click()
        page.wait_for_function("t => document.querySelector('main').dataset.task !== t", arg=before)
        ben.ready()
    page.keyboard.press("1")
    expect(page.locator("[data-picked=true]")).to_have_count(1)
    look("choose")
    page.keyboard.press("d")
    expect(page.locator("[data-mode=draw]")).to_be_visible()
    page.keyboard.press("c")
    ask(page, "bench.drawing.radius = 22")
    ben.drag((118, 340), (150, 352), (182, 348))
    ben.saved()
    look("draw")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    look("keys")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Sign out").click()
    admin = Reader(page, room, "admin")
    admin.sign_in(PASSWORD)
    page.get_by_role("link", name="Users").click()
    expect(page.get_by_role("table", name="Entries")).to_be_visible()
    look("users")
    for name, role in NAMES.items():
        expect(page.get_by_label(f"Role of {name}")).to_have_value(role)
    page.get_by_label("Name", exact=True).fill("eva")
    page.get_by_role("button", name="Add the user").click()
    expect(page.get_by_text("One-time password of")).to_contain_text("eva")
    password = str(page.locator(".told code").text_content())
    page.get_by_role("link", name="Projects").click()
    page.get_by_role("link", name="Progress and agreement").click()
    expect(page.get_by_role("heading", name="Agreement")).to_be_visible()
    look("progress")
    page.get_by_role("button", name="Sign out").click()
    # A new user chooses a password before anything else.
    eva = Reader(page, room, "eva")
    page.goto(room.url)
    eva.fill_in(password)
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    look()
    page.locator("[name=password]").fill(password)
    page.locator("[name=fresh]").fill("another long one")
    page.locator("[name=again]").fill("another long one")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    expect(page.get_by_text("You are in no project yet")).to_be_visible()
    assert ben.errors + admin.errors + eva.errors == []
    assert blocked == []
    context.close()
