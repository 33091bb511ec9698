"""A browser, and a server for the page's modules alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: pip install 'infmap[dev]'")
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[3]
ROOMS = {
    "web": ROOT / "src/infmap/web/static",
    "station": ROOT / "src/infmap/annotation/static",
}
Run = Callable[..., object]
"""Runs a JavaScript function body with `m`, the modules by name, and its arguments."""


class Files(SimpleHTTPRequestHandler):
    """The static files at the addresses that the station gives them."""

    def translate_path(self, path: str) -> str:
        room, _, name = path.split("?")[0].strip("/").partition("/")
        return str(ROOMS[room] / name) if room in ROOMS else str(ROOMS["web"] / "blank")

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>modules</title>")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def files() -> Iterator[str]:
    """Address of a server of the static files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def blank(browser: Browser, files: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(files)
    yield page
    page.close()


@pytest.fixture
def js(blank: Page) -> Run:
    def run(body: str, *arguments: object) -> object:
        return blank.evaluate(
            "async ([body, args]) => {"
            "  const m = {};"
            "  for (const path of ['/web/film.js', '/web/mask.js', '/web/view.js',"
            "      '/station/tools.js', '/station/editor.js', '/station/journal.js'])"
            "    Object.assign(m, await import(path));"
            "  const Async = (async () => {}).constructor;"
            "  return await new Async('m', 'args', body)(m, args);"
            "}",
            [body, list(arguments)],
        )

    return run
