"""A browser that is watched, before a server that stands in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: pip install 'infmap[dev]'")
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    ViewportSize,
    expect,
)

sys.path.insert(0, str(Path(__file__).parent))
from stand_in import StandIn, standing_in  # noqa: E402

SIZE: ViewportSize = {"width": 1400, "height": 900}
SLOW = 45_000
"""Longest wait for a state of the page, ms: tests share two cores with others."""
VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
  (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""
Run = Callable[..., object]


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=SLOW)


@dataclass
class Watched:
    """A browser's context whose pages may do nothing that they should not."""

    context: BrowserContext
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(SLOW)
        page.add_init_script(VIOLATIONS)
        page.on("request", self._asks)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def _asks(self, request: Request) -> None:
        self.asked.append(request.url)

    def check(self, url: str) -> None:
        """No error, no violation of the content security policy, nothing asked of another host."""
        assert self.errors == []
        for page in self.context.pages:
            assert page.evaluate("window.violations") == []
        assert [one for one in self.asked if not one.startswith((url, f"blob:{url}"))] == []


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with standing_in() as made:
        yield made


@pytest.fixture
def page(browser: Browser, server: StandIn) -> Iterator[Page]:
    """A watched page at the start of the viewer."""
    watched = Watched(browser.new_context(viewport=SIZE, accept_downloads=True))
    made = watched.page()
    made.goto(server.url)
    yield made
    watched.check(server.url)
    watched.context.close()


@pytest.fixture
def js(page: Page) -> Run:
    """Runs a JavaScript function body with `m`, the modules by name, and its arguments."""

    def run(body: str, *arguments: object) -> object:
        return page.evaluate(
            "async ([body, args]) => {"
            "  const m = {};"
            "  for (const path of ['shares', 'warp', 'words', 'map_colours', 'intake'])"
            "    Object.assign(m, await import(`/viewer/${path}.js`));"
            "  const { fromBase64, toBase64 } = await import('/web/mask.js');"
            "  Object.assign(m, { fromBase64, toBase64 });"
            f"  return await (async () => {{ {body} }})();"
            "}",
            ["", list(arguments)],
        )

    return run
