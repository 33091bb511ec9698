"""A station process and a reader's browser before it, as the page's tests use them."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from playwright.sync_api import Page, expect

from infmap.annotation import decisions, drafts
from infmap.annotation.store import Store
from infmap.web.masks import Mask, decode

HERE = Path(__file__).parent
SLOW = 90_000
"""Longest wait for a state of the page, ms: tests share two cores with others."""
BENCH = "const bench = document.querySelector('.stage')?.bench;"


@dataclass
class Room:
    """A station of phantom films in a process of its own.

    Attributes:
        folder: of the station.
        database: address; None for SQLite.
        count: films.
        size: side of a film, pixels.
    """

    folder: Path
    database: str | None = None
    count: int = 4
    size: int = 256
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve; returns when it answers."""
        given = [str(self.folder), str(self.port), str(self.count), str(self.size)]
        command = [sys.executable, str(HERE / "reading_room.py"), *given]
        command += [self.database] if self.database else []
        # The same package as this process, whichever is installed; uvicorn's own warnings are not
        # this project's.
        path = os.pathsep.join(p for p in sys.path if p)
        self.process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
        until = time.monotonic() + SLOW / 1000
        while not self.answers():
            assert self.process.poll() is None, "the station has ended"
            assert time.monotonic() < until, "the station does not answer"
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with urlopen(self.url + "readyz", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def store(self) -> Store:
        """The station's store, beside the running process."""
        return Store.open(self.folder, self.database)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Reader:
    """A reader at a page."""

    def __init__(self, page: Page, room: Room, name: str = "ann") -> None:
        self.page, self.room, self.name = page, room, name
        page.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, password: str) -> None:
        """Come to the projects. A profile may hold a session still: a killed browser's cookie is
        on disk or not, as the browser's own half minute for writing it fell.
        """
        self.page.goto(self.room.url)
        projects = self.page.get_by_role("heading", name="Projects")
        expect(self.page.get_by_label("Name").or_(projects)).to_be_visible()
        if not projects.is_visible():
            self.fill_in(password)
        expect(projects).to_be_visible()

    def fill_in(self, password: str) -> None:
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def open(self) -> None:
        """The first film of the project."""
        self.page.get_by_role("link", name="film", exact=False).first.click()
        self.ready()

    def drawing(self) -> Reader:
        """Come before a mask that can be drawn on."""
        if self.mode == "choose":
            self.page.keyboard.press("1")
            self.page.keyboard.press("d")
            expect(self.page.locator("[data-mode=draw]")).to_be_visible()
        return self

    def ready(self) -> None:
        """Wait until a film is open at full depth, or nothing is left."""
        self.page.wait_for_function(
            "() => { " + BENCH + "return bench && !bench.deciding"
            " && document.querySelector('main').dataset.mode === bench.mode"
            " && (bench.mode === 'done' || (['choose', 'draw'].includes(bench.mode)"
            " && bench.surface.film.levels[0].step === 1"
            " && (bench.mode === 'draw' || bench.masks.size === bench.task.candidates.length))) }"
        )

    @property
    def mode(self) -> str:
        return str(self.page.locator("main.film-page").get_attribute("data-mode"))

    @property
    def task(self) -> str:
        return str(self.page.locator("main.film-page").get_attribute("data-task"))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a film point is on the screen, CSS pixels."""
        at = self.page.evaluate(
            "async ([x, y]) => { " + BENCH + "const { canvas } = bench.surface.panes[0];"
            "const b = canvas.getBoundingClientRect(), v = bench.surface.viewpoint;"
            "return [b.left + (x - v.x) * v.scale * b.width / canvas.width,"
            "  b.top + (y - v.y) * v.scale * b.height / canvas.height] }",
            [x, y],
        )
        return float(at[0]), float(at[1])

    def drag(self, *points: tuple[float, float], up: bool = True) -> None:
        """Draw along film points."""
        mouse = self.page.mouse
        mouse.move(*self.place(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.place(*point), steps=4)
        if up:
            mouse.up()

    def mask(self) -> Mask:
        """What is drawn on the page, uint8 (H, W)."""
        width, height, text = self.page.evaluate(
            "async () => { " + BENCH + "const { toBase64 } = await import('/web/mask.js');"
            "const e = bench.draft.editor; return [e.width, e.height, toBase64(e.mask)] }"
        )
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width)

    def saved(self) -> None:
        """Wait until the page says that all is saved, and mean it."""
        expect(self.page.locator(".saving")).to_have_text("Saved")
        self.page.wait_for_function(
            "() => { " + BENCH + "return bench.draft.waiting.length === 0 }"
        )

    def waiting(self) -> int:
        """Strokes that the station has not acknowledged."""
        count = self.page.evaluate("async () => { " + BENCH + "return bench.draft.waiting.length }")
        return int(count)

    def kept(self) -> None:
        """Wait until every stroke is on this computer's disk."""
        self.page.evaluate(
            "async () => { " + BENCH + "await Promise.all(bench.draft.waiting.map((w) => w.kept)) }"
        )

    def draft(self) -> str:
        return str(self.page.evaluate("async () => { " + BENCH + "return bench.draft.id }"))


@dataclass
class Pen:
    """A pen, and fingers, at a page: trusted events of the DevTools protocol."""

    reader: Reader

    def __post_init__(self) -> None:
        self.wire = self.reader.page.context.new_cdp_session(self.reader.page)

    def draw(self, *points: tuple[float, float]) -> None:
        """Put the pen down, move along film points, and lift it."""
        at = [self.reader.place(*point) for point in points]
        kinds = ["mousePressed", *["mouseMoved"] * (len(at) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*at, at[-1]], strict=True):
            held = 0 if kind == "mouseReleased" else 1
            event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": held}
            event |= {"clickCount": 1, "pointerType": "pen", "force": 0.6 * held}
            self.wire.send("Input.dispatchMouseEvent", event)

    def palm(self, *points: tuple[float, float]) -> None:
        """Touch, move along film points, and let go."""
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, point in zip(kinds, points, strict=True):
            x, y = self.reader.place(*point)
            touched = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            self.wire.send("Input.dispatchTouchEvent", touched)
        self.wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def stored(store: Store, draft: str) -> tuple[Mask, list[str]]:
    """The station's mask of a draft after replay, and the uuid of each stroke."""
    with store.read() as c:
        strokes = drafts.strokes(c, draft, 0)
        return decode(drafts.mask(c, draft)), [stroke.uuid for stroke in strokes]


def revisions(store: Store, task: str) -> list[decisions.Revision]:
    """All revisions of a task."""
    with store.read() as c:
        return decisions.of_task(c, task)


def mask_of(store: Store, revision: str) -> Mask:
    """The mask of a revision."""
    with store.read() as c:
        return decode(decisions.mask(c, revision))
