"""The reader's page over a real station: films decided, and no stroke lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect
from playwright.sync_api import Error as PlaywrightError

from infmap.web.masks import Mask

from .desk import Reader, Room, mask_of, revisions, stored
from .reading_room import PASSWORD

SIZE = {"width": 1280, "height": 800}
Rooms = Callable[..., Room]


@pytest.fixture
def rooms(tmp_path: Path, url: str | None) -> Iterator[Rooms]:
    """Starts a station over each database in turn, and ends it."""
    started: list[Room] = []

    def start(count: int = 2, size: int = 256) -> Room:
        started.append(Room(tmp_path / "station", url, count, size))
        started[-1].start()
        return started[-1]

    yield start
    for room in started:
        room.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=SIZE)
    yield made
    made.close()


def at_desk(context: BrowserContext, room: Room, name: str = "ann") -> Reader:
    """A signed-in reader before the first film."""
    reader = Reader(context.new_page(), room, name)
    reader.sign_in(PASSWORD)
    reader.open()
    return reader


def assert_stored(reader: Reader, room: Room) -> None:
    """The station has the page's mask bit for bit, and each stroke once."""
    reader.saved()
    store = room.store()
    mask, uuids = stored(store, reader.draft())
    store.close()
    assert np.array_equal(mask, reader.mask())
    assert mask.any()
    assert len(uuids) == len(set(uuids))
    assert reader.errors == []


def test_ten_films_by_choosing_editing_drawing_and_rejecting(
    rooms: Rooms, context: BrowserContext
) -> None:
    room = rooms(count=9)
    reader = at_desk(context, room)
    page, press = reader.page, reader.page.keyboard.press
    done: list[tuple[str, str]] = []
    masks: dict[str, Mask] = {}
    # Rejected masks come back as a film to draw, so that nine films are ten decisions.
    turns = {"choose": ["choose", "edit", "reject", "choose", "edit"], "draw": ["draw"] * 3}
    turns["draw"] += ["reject", "draw"]
    while reader.mode != "done":
        task, kind = reader.task, turns[reader.mode].pop(0)
        if kind == "choose":
            press("2")
            press("Enter")
        elif kind == "reject":
            press("r")
            page.get_by_role("button", name="Reject", exact=True).click()
        else:
            reader.drawing()
            reader.drag((80, 90), (120, 140), (150, 100))
            reader.saved()
            masks[task] = reader.mask()
            press("Control+Enter")
        page.wait_for_function("t => document.querySelector('main').dataset.task !== t", arg=task)
        reader.ready()
        done.append((task, kind))
    expect(page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    assert len(done) == 10
    store = room.store()
    for task, kind in done:
        (revision,) = revisions(store, task)
        assert (revision.kind, revision.conflict) == (kind, False)
        assert revision.active_ms > 0
        if kind in ("edit", "draw"):
            assert np.array_equal(mask_of(store, revision.id), masks[task])
    store.close()
    assert reader.errors == []


def test_a_reload_keeps_every_stroke_and_the_steps_of_undo(
    rooms: Rooms, context: BrowserContext
) -> None:
    room = rooms()
    reader = at_desk(context, room).drawing()
    before = reader.mask()
    reader.drag((80, 90), (150, 100))
    first = reader.mask()
    reader.drag((60, 150), (150, 180))
    second = reader.mask()
    reader.saved()
    reader.page.reload()
    reader.ready()
    assert np.array_equal(reader.mask(), second)
    for expected in (first, before):
        reader.page.keyboard.press("Control+z")
        assert np.array_equal(reader.mask(), expected)
    reader.page.keyboard.press("Control+y")
    assert np.array_equal(reader.mask(), first)
    assert_stored(reader, room)


def test_strokes_drawn_while_the_station_is_dead_arrive_when_it_is_back(
    rooms: Rooms, context: BrowserContext
) -> None:
    room = rooms()
    reader = at_desk(context, room).drawing()
    reader.drag((80, 90), (150, 100))
    room.kill()
    reader.drag((60, 150), (150, 180))
    reader.page.keyboard.press("e")
    reader.drag((90, 60), (100, 200))
    expect(reader.page.locator(".saving")).to_contain_text("kept on this computer")
    room.start()
    assert_stored(reader, room)


CUT = int(os.environ.get("INFMAP_CUT_SECONDS", "0"))
"""How long the network is cut for in truth. In CI the page's clock goes on by a minute instead."""


def test_a_network_cut_for_a_minute_loses_no_stroke(rooms: Rooms, context: BrowserContext) -> None:
    room = rooms()
    page = context.new_page()
    if not CUT:
        page.clock.install()
    reader = Reader(page, room)
    reader.sign_in(PASSWORD)
    reader.open()
    reader.drawing()
    reader.drag((80, 90), (150, 100))
    reader.saved()
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    context.set_offline(True)
    began = page.evaluate("Date.now()")
    for y in (60, 90, 120, 150, 180, 210):
        reader.drag((60, y), (190, y + 20))
        # Ten seconds, one at a time: each retry is answered before the next one is due.
        for _ in range(10):
            if CUT:
                page.wait_for_timeout(100 * CUT / 6)
            else:
                page.clock.run_for(1000)
    assert page.evaluate("Date.now()") - began >= 1000 * (CUT or 60)
    expect(page.locator(".saving")).to_contain_text("kept on this computer")
    assert reader.waiting() >= 6
    assert any("/strokes" in url for url in failed)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Not all strokes")
    context.set_offline(False)
    if not CUT:
        page.clock.resume()
    assert_stored(reader, room)


def test_a_killed_browser_loses_no_stroke(
    rooms: Rooms, playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    room = rooms()
    profile = tmp_path / "profile"

    def launch() -> BrowserContext:
        return playwright.chromium.launch_persistent_context(
            str(profile), executable_path=chromium, args=["--no-sandbox"], viewport=SIZE
        )

    context = launch()
    reader = at_desk(context, room).drawing()
    reader.drag((80, 90), (150, 100))
    reader.saved()
    context.set_offline(True)
    reader.drag((60, 150), (150, 180))
    # Begun and not let go of: its part of every half second is kept.
    reader.drag((40, 40), (200, 60), up=False)
    waiting = reader.waiting()
    reader.page.wait_for_function(
        "n => document.querySelector('.stage').bench.draft.waiting.length > n", arg=waiting
    )
    reader.kept()
    drawn = reader.mask()
    for process in browsers(profile):
        os.kill(process, signal.SIGKILL)
    with suppress(PlaywrightError):  # Playwright may have noticed by now that it is gone
        context.close()
    again = launch()
    fresh = Reader(again.new_page(), room)
    fresh.sign_in(PASSWORD)
    fresh.open()
    assert np.array_equal(fresh.mask(), drawn)
    assert_stored(fresh, room)
    again.close()


def browsers(profile: Path) -> list[int]:
    """Processes of the browser of a profile that this test has made."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if f"--user-data-dir={profile}".encode() in line.split(b"\0"):
            found.append(int(entry.parent.name))
    assert found
    return found


def test_an_expired_session_keeps_the_draft_and_asks_to_sign_in(
    rooms: Rooms, context: BrowserContext
) -> None:
    room = rooms()
    reader = at_desk(context, room).drawing()
    reader.drag((80, 90), (150, 100))
    reader.saved()
    context.clear_cookies()
    reader.drag((60, 150), (150, 180))
    expect(reader.page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    expect(reader.page.get_by_label("Name")).to_have_value("ann")
    reader.page.get_by_label("Password").fill(PASSWORD)
    reader.page.get_by_role("button", name="Sign in").click()
    expect(reader.page.get_by_role("dialog")).to_have_count(0)
    assert_stored(reader, room)


def test_two_tabs_fence_each_other_and_both_decisions_are_kept(
    rooms: Rooms, context: BrowserContext
) -> None:
    room = rooms()
    first = at_desk(context, room).drawing()
    first.drag((80, 90), (150, 100))
    first.saved()
    second = Reader(context.new_page(), room)
    second.page.goto(first.page.url)
    second.ready()
    assert second.task == first.task
    second.drag((60, 150), (150, 180))
    second.saved()
    # What the fenced tab draws is kept, and joins the rest when it takes the film back.
    first.page.bring_to_front()
    first.drag((90, 60), (200, 160))
    expect(first.page.locator(".saving")).to_contain_text("another tab")
    first.page.get_by_role("button", name="Go on in this tab").click()
    assert_stored(first, room)
    both = first.mask()
    assert (both[175, 140] & 1, both[95, 100] & 1, both[110, 145] & 1) == (1, 1, 1)
    # Both tabs decide.
    task = first.task
    first.page.keyboard.press("Control+Enter")
    first.page.wait_for_function("t => document.querySelector('main').dataset.task !== t", arg=task)
    second.page.bring_to_front()
    second.page.keyboard.press("Control+Enter")
    expect(second.page.get_by_role("heading", name="Decided twice")).to_be_visible()
    assert_both_kept(room, task)


def test_two_readers_conflict_and_both_decisions_are_kept(
    rooms: Rooms, context: BrowserContext, browser: Browser
) -> None:
    room = rooms(count=1)
    ann = at_desk(context, room).drawing()
    ann.drag((80, 90), (150, 100))
    ann.saved()
    # Ann's time on the film is over: another reader gets it.
    version = ann.page.evaluate("document.querySelector('.stage').bench.task.version")
    ann.page.evaluate(
        "async ([task, version]) => (await import('/station/api.js'))"
        ".post(`tasks/${task}/release`, { version })",
        [ann.task, version],
    )
    other = browser.new_context(viewport=SIZE)
    ben = at_desk(other, room, "ben").drawing()
    assert ben.task == ann.task
    ben.drag((60, 150), (150, 180))
    ben.saved()
    task = ben.task
    ben.page.keyboard.press("Control+Enter")
    expect(ben.page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    ann.page.bring_to_front()
    ann.page.keyboard.press("Control+Enter")
    expect(ann.page.get_by_role("heading", name="Decided twice")).to_be_visible()
    assert_both_kept(room, task)
    ann.page.get_by_role("button", name="Next film").click()
    expect(ann.page.get_by_role("heading", name="Nothing is left")).to_be_visible()
    other.close()


def assert_both_kept(room: Room, task: str) -> None:
    store = room.store()
    assert [revision.conflict for revision in revisions(store, task)] == [False, True]
    store.close()
