"""The page in a browser, as a person works with it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from queue import Queue

import pytest

from infmap.deidentify.boxes import Box
from infmap.deidentify.look import Look, look_at
from infmap.deidentify.review import StoppedError, review
from infmap.deidentify.run import Decisions

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, film, labelled, saved  # noqa: E402

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install 'infmap[dev]'")


@pytest.fixture
def looks(tmp_path: Path) -> list[Look]:
    found = []
    for number, dataset in enumerate((labelled(), film(SOPInstanceUID="1.2.3")), 1):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(saved(dataset))
        found.append(look_at(number, path, KEY, lambda plane: None))
    return found


class Served:
    """The page, served by a thread until a person ends it."""

    def __init__(self, looks: list[Look]) -> None:
        self.lines: Queue[str] = Queue()
        self.result: Decisions | Exception | None = None
        self.thread = threading.Thread(target=self._serve, args=(looks,), daemon=True)
        self.thread.start()
        self.address = self.lines.get(timeout=30).split(" ")[-1]

    def _serve(self, looks: list[Look]) -> None:
        try:
            self.result = review(looks, KEY, 0, self.lines.put)
        except Exception as error:
            self.result = error

    def ended(self) -> Decisions | Exception | None:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.result


def test_a_person_moves_adds_drops_and_confirms(
    looks: list[Look], browser: sync_api.Browser
) -> None:
    served = Served(looks)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    problems: list[str] = []
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    page.goto(served.address)
    page.wait_for_selector("#stage[data-ready='1']")
    boxes = page.locator("#boxes button")
    assert boxes.count() == 1 and "over the lungs?" in boxes.first.inner_text()
    assert page.locator("#finish").is_disabled()
    boxes.first.click()
    page.keyboard.press("Shift+ArrowDown")
    found = looks[0].boxes[0]
    assert f"at {found.x}, {found.y + 10}" in boxes.first.inner_text()
    # The film of 600 pixels fills the stage's smaller side: a drag in its lower right part.
    stage = page.locator("#stage canvas").bounding_box()
    assert stage is not None
    side = min(stage["width"], stage["height"])
    left, top = stage["x"] + (stage["width"] - side) / 2, stage["y"] + (stage["height"] - side) / 2
    page.mouse.move(left + 0.5 * side, top + 0.5 * side)
    page.mouse.down()
    page.mouse.move(left + 0.75 * side, top + 0.6 * side, steps=4)
    page.mouse.up()
    assert boxes.count() == 2
    page.keyboard.press("n")
    assert boxes.count() == 3
    page.keyboard.press("Delete")
    assert boxes.count() == 2
    page.locator("#confirm").click()
    page.wait_for_selector("#stage[data-ready='2']")
    page.locator("#hold").click()
    page.locator("#finish:enabled").click()
    result = served.ended()
    assert isinstance(result, dict) and list(result) == [1]
    moved, drawn = result[1]
    assert moved == Box(found.x, found.y + 10, found.width, found.height)
    assert drawn.x == pytest.approx(300, abs=4) and drawn.width == pytest.approx(150, abs=4)
    assert drawn.y == pytest.approx(300, abs=4) and drawn.height == pytest.approx(60, abs=4)
    assert problems == [] and hosts == {"127.0.0.1"}


def test_ended_before_the_last_decision_nothing_is_decided(
    looks: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.deidentify.review.run", lambda server, listening: None)
    with pytest.raises(StoppedError, match="2 of 2 films had no decision"):
        review(looks, KEY, 0, lambda line: None)


def test_nothing_to_look_at() -> None:
    assert review([], KEY, 0, lambda line: None) == {}
