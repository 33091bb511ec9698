"""How fast the reader's page draws, windows and opens a film.

python benchmarks/reader_page.py [--json FILE] [--size 3000] [--runs 3] [--moves 240]

A film of 3000 x 3000 phantom pixels and six labels in a view of 1600 x 1000, in headless Chromium
over a real station. Moves are trusted events of the DevTools protocol. A time is from an event's
own time stamp to the first task after the frame that shows it. Each figure is of the best of three
runs; the load of the machine stands beside. The peer, in the same run, is what most annotation
pages do: film and mask on two canvases of the film's size, scaled by CSS.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/annotation/page"))
from desk import BENCH, Reader, Room
from reading_room import PASSWORD

VIEW = (1600, 1000)
FRAME = 1 / 60
"""Seconds. A move waits up to this long after the last one was handled, drawn by lot with a seed: a
hand moves at no fixed phase of the screen, and a protocol that waits for each answer would."""
Times = dict[str, list[float]]

WATCH = """
const times = window.times = { event: [], frame: [] };
const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => {
  const now = performance.now();
  for (const from of waiting.splice(0)) times.event.push(now - from);
};
window.watch = (event) => {
  requestAnimationFrame(() => { waiting.push(event.timeStamp); channel.port2.postMessage(0); });
};
window.addEventListener('pointermove', window.watch, { capture: true });
let last = 0;
const tick = (at) => {
  if (last) times.frame.push(at - last);
  last = at;
  window.ticking = requestAnimationFrame(tick);
};
tick(0);
"""
STOP = """
window.removeEventListener('pointermove', window.watch, { capture: true });
cancelAnimationFrame(window.ticking);
return window.times;
"""
PEER = """
document.body.style.margin = 0;
const box = document.createElement('div');
box.style.cssText = 'position:relative;width:1600px;height:1000px;overflow:hidden';
const [film, mask] = [0, 1].map((k) => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 3000;
  canvas.style.cssText = `position:absolute;transform-origin:0 0;transform:scale(${scale})`;
  if (k) canvas.style.opacity = 0.4;
  box.append(canvas);
  return canvas.getContext('2d');
});
document.body.append(box);
for (let k = 0; k < 300; k++) {
  film.fillStyle = `hsl(0 0% ${k / 3}%)`;
  film.fillRect(0, 10 * k, 3000, 10);
}
mask.strokeStyle = '#e67814';
mask.lineWidth = 2 * radius;
mask.lineCap = 'round';
let from = null;
box.addEventListener('pointermove', (event) => {
  const to = [event.offsetX / scale, event.offsetY / scale];
  if (from && event.buttons) {
    mask.beginPath();
    mask.moveTo(...from);
    mask.lineTo(...to);
    mask.stroke();
  }
  from = to;
});
"""
SIX = """
const e = bench.draft.editor, mask = e.mask.slice();
for (let y = 0; y < e.height; y++) for (let x = 0; x < e.width; x++) for (let k = 0; k < 6; k++) {
  const a = x - e.width * (0.25 + 0.1 * k), b = y - e.height * (0.3 + 0.08 * k);
  if (a * a + b * b < e.width * e.width / 40) mask[y * e.width + x] |= 1 << k;
}
bench.keep(e.become(mask, 'copy'));
bench.surface.redraw();
"""
OPEN = """
const { films } = await import('/station/workbench.js');
const opened = async () => {
  const log = {}, { surface } = bench, show = bench.showFilm, draw = surface.draw;
  bench.showFilm = (task) => { log.start = performance.now(); show.call(bench, task); };
  surface.draw = () => {
    draw.call(surface);
    if (!log.start) return;
    const step = surface.film.levels[0].step, now = performance.now();
    if (step < 100) log.first ??= now;
    if (step === 1) log.full ??= now;
  };
  await bench.next();
  while (!log.full) await new Promise(requestAnimationFrame);
  delete bench.showFilm; delete surface.draw;
  return [log.first - log.start, log.full - log.start];
};
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=3000, help="side of the film, pixels")
    parser.add_argument("--runs", type=int, default=3, help="best of this many")
    parser.add_argument("--moves", type=int, default=240, help="of one drag")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("expected Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        room = Room(Path(folder) / "station", count=3, size=given.size)
        room.start()
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            figures = measure(browser.new_page(), room, given.runs, given.moves)
            figures |= peer(browser.new_page(), given.runs, given.moves)
            browser.close()
        finally:
            room.kill()
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\nload {load} on {os.cpu_count()} cores; milliseconds; best of {given.runs}")
    for name, values in figures.items():
        print(f"{name:44}" + "  ".join(f"{key} {value:7.1f}" for key, value in values.items()))


def measure(page: Page, room: Room, runs: int, moves: int) -> dict[str, dict[str, float]]:
    """The station's page."""
    reader = Reader(page, room)
    page.set_viewport_size({"width": 2000, "height": 1100})
    reader.sign_in(PASSWORD)
    reader.open()
    if reader.mode == "choose":
        page.keyboard.press("1")
        page.keyboard.press("d")
        expect(page.locator("[data-mode=draw]")).to_be_visible()
    width, height = page.evaluate("[document.querySelector('canvas').width, "
                                  "document.querySelector('canvas').height]")  # fmt: skip
    page.set_viewport_size({"width": 2000 + VIEW[0] - width, "height": 1100 + VIEW[1] - height})
    page.wait_for_function(f"() => document.querySelector('canvas').width === {VIEW[0]}")
    run(page, SIX)
    reader.saved()
    wire = page.context.new_cdp_session(page)
    box = page.locator("canvas").bounding_box()
    assert box is not None
    figures: dict[str, dict[str, float]] = {}
    for name, radius, key in (
        ("brush 40 px at fit", 40, "f"),
        ("brush 150 px at 1:1", 150, "z"),
        ("brush 400 px at 1:1", 400, "z"),
    ):
        page.keyboard.press(key)

        def stroke(radius: int = radius) -> Times:
            run(page, f"bench.drawing.choose({{ tool: 'brush', label: 0, radius: {radius} }})")
            times = sweep(page, wire, box["x"], box["y"], "left", moves)
            reader.saved()
            page.keyboard.press("Control+z")
            reader.saved()
            return times

        figures[name] = best(stroke, runs)
        say(name, figures[name])
    page.keyboard.press("f")
    figures["window and level"] = best(
        lambda: sweep(page, wire, box["x"], box["y"], "right", moves), runs
    )
    say("window and level", figures["window and level"])
    page.keyboard.press("0")
    cold = [run(page, OPEN + "films.forget(); return await opened();") for _ in range(runs)]
    warm = [run(page, OPEN + "return await opened();") for _ in range(runs)]
    figures["open"] = {
        "first paint": min(t[0] for t in cold),
        "full depth": min(t[1] for t in cold),
        "fetched ahead": min(t[1] for t in warm),
    }
    say("open", figures["open"])
    return figures


def peer(page: Page, runs: int, moves: int) -> dict[str, dict[str, float]]:
    """Two canvases of the film's size, scaled by CSS."""
    figures = {}
    page.set_viewport_size({"width": VIEW[0], "height": VIEW[1]})
    wire = page.context.new_cdp_session(page)
    for name, radius, scale in (
        ("peer: brush 40 px at fit", 40, 1 / 3),
        ("peer: brush 150 px at 1:1", 150, 1.0),
    ):
        page.goto("about:blank")
        page.evaluate(f"(() => {{ const radius = {radius}, scale = {scale}; {PEER} }})()")
        figures[name] = best(lambda: sweep(page, wire, 0, 0, "left", moves), runs)
        say(name, figures[name])
    return figures


def run(page: Page, body: str) -> list[float]:
    """Run JavaScript with `bench`, the reader's open film."""
    value: list[float] = page.evaluate("async () => { " + BENCH + body + "}")
    return value


def sweep(page: Page, wire: CDPSession, left: float, top: float, button: str, moves: int) -> Times:
    """One drag along a wave over the view; what the page saw of it."""
    page.evaluate(f"(() => {{ {WATCH} }})()")

    def send(kind: str, k: int, held: bool) -> None:
        x = left + VIEW[0] * (0.25 + 0.5 * k / moves)
        y = top + VIEW[1] * (0.5 + 0.3 * math.sin(k / 12))
        buttons = {"left": 1, "right": 2}[button] if held else 0
        wire.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1},
        )

    send("mouseMoved", 0, held=False)
    send("mousePressed", 0, held=True)
    for k, wait in enumerate(np.random.default_rng(0).uniform(0, FRAME, moves)):
        send("mouseMoved", k, held=True)
        time.sleep(wait)
    send("mouseReleased", moves - 1, held=False)
    times: Times = page.evaluate(f"(() => {{ {STOP} }})()")
    return times


def best(one: Callable[[], Times], runs: int) -> dict[str, float]:
    """Figures of the run whose 99th percentile is the lowest."""
    found = []
    for _ in range(runs):
        times = one()
        event, frame = np.array(times["event"]), np.array(times["frame"])
        found.append(
            {
                "median": float(np.median(event)),
                "p95": float(np.percentile(event, 95)),
                "p99": float(np.percentile(event, 99)),
                "frame median": float(np.median(frame)),
                "frame p95": float(np.percentile(frame, 95)),
                "events": float(len(event)),
            }
        )
    return min(found, key=lambda figures: figures["p99"])


def say(name: str, figures: dict[str, float]) -> None:
    """Progress, with the load at this moment."""
    rounded = {key: round(value, 1) for key, value in figures.items()}
    print(name, rounded, f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
