"""How fast the viewer follows its threshold slider.

python benchmarks/viewer_page.py [--size 3000] [--json FILE]

A phantom film of 3000 x 3000 pixels, read by the shipped model over a real server, in a window of
1600 x 1000, in headless Chromium. The slider is dragged by trusted mouse events of the DevTools
protocol. A time is from an event's own time stamp to the first task after the frame that shows the
new contour and the new figures. The load of the machine stands beside.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1] / folder)
    for folder in ("tests/serve", "tests/serve/page")
]
from dropped_films import picture  # noqa: E402
from server_process import ServerProcess  # noqa: E402

VIEW = (1600, 1000)
MOVES = 60
FILES = "input[type=file]:not([webkitdirectory])"
WATCH = """
window.times = [];
const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => {
  const now = performance.now();
  for (const from of waiting.splice(0)) window.times.push(now - from);
};
window.addEventListener('input', (event) => {
  requestAnimationFrame(() => { waiting.push(event.timeStamp); channel.port2.postMessage(0); });
});
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=3000, help="side of the film, pixels")
    parser.add_argument("--runs", type=int, default=3, help="drags; the best is reported")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.png"
        film.write_bytes(picture(3, 5, side=given.size))
        server = ServerProcess(Path(folder) / "server")
        server.start()
        try:
            runs = measured(server.address, film, given.runs)
        finally:
            server.stop()
    best = min(runs, key=lambda times: float(np.percentile(times, 95)))
    figures = {
        "size": given.size, "moves": len(best), "load": os.getloadavg()[0],
        "median_ms": float(np.median(best)), "p95_ms": float(np.percentile(best, 95)),
        "most_ms": max(best),
    }  # fmt: skip
    print(
        f"{given.size} x {given.size}: {figures['moves']} moves, median {figures['median_ms']:.0f}"
        f" ms, 95 % {figures['p95_ms']:.0f} ms, most {figures['most_ms']:.0f} ms;"
        f" load {figures['load']:.1f} on {os.cpu_count()} cores"
    )
    if given.json:
        given.json.write_text(json.dumps(figures | {"runs": runs}, indent=2))


def measured(address: str, film: Path, runs: int) -> list[list[float]]:
    """Times of each drag, ms."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": VIEW[0], "height": VIEW[1]})
        page.set_default_timeout(300_000)
        page.goto(address)
        page.set_input_files(FILES, str(film))
        page.locator("a.name").click()
        page.wait_for_selector("main.reading[data-ready=true]")
        times = [drag(page) for _ in range(runs)]
        browser.close()
        return times


def drag(page: Page) -> list[float]:
    """One drag over the whole slider and back: from each event to the frame that shows it."""
    box = page.get_by_role("slider").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.evaluate(
        "() => {" + WATCH + "}" if page.evaluate("!window.times") else "window.times = []"
    )
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    for k in range(MOVES):
        across = abs((2 * k / MOVES) % 2 - 1)
        page.mouse.move(box["x"] + 10 + (box["width"] - 20) * across, y)
        page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
    page.mouse.up()
    return [float(one) for one in page.evaluate("window.times")]


if __name__ == "__main__":
    main()
