"""The viewer in a browser: films in, results as they are done, one film read, what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dropped_films import noise, picture, write
from playwright.sync_api import Browser, Page, Route, expect
from stand_in import KEY, StandIn, read

from infmap.core.types import Prediction
from infmap.core.zones import brixia_zones
from infmap.inference.postprocess import first_level
from infmap.report.overlay import overlay

from .conftest import SIZE, Run, Watched

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python is not installed: pip install 'infmap[dev]'",
)
NOTICE = "Research use only, not a medical device"
FILES = "input[type=file]:not([webkitdirectory])"
DESK = "const desk = document.querySelector('.stage').desk;"


@pytest.fixture(autouse=True)
def well_behaved(server: StandIn) -> Iterator[None]:
    """The server is as ever before each test."""
    server.locked = server.paused = server.cut = server.signed_in = False
    server.refused = 0
    yield


def send(page: Page, *paths: Path) -> None:
    """Choose files at the start; returns when the page of their job is there."""
    page.set_input_files(FILES, [str(path) for path in paths])
    expect(page.get_by_role("heading", name="Films", exact=True)).to_be_visible()


def done(page: Page, count: int) -> None:
    """Wait for all results."""
    expect(page.get_by_role("status").first).to_have_text(
        re.compile(f"^{count} of {count} films? done$")
    )


def open_film(page: Page, name: str) -> None:
    """Open a film of the list and wait until all of it is there."""
    page.get_by_role("link", name=name, exact=True).click()
    ready(page)


def ready(page: Page) -> None:
    expect(page.locator("main.reading[data-ready=true]")).to_be_visible()


def ask(page: Page, body: str) -> object:
    return page.evaluate("async () => { " + DESK + body + "}")


def drawn(page: Page, pane: int = 0) -> bytes:
    """The colours on a canvas after the next frame."""
    text = ask(
        page,
        "await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));"
        f"const {{ canvas, panel }} = desk.surface.panes[{pane}];"
        "const { data } = panel.context.getImageData(0, 0, canvas.width, canvas.height);"
        "return (await import('/web/mask.js')).toBase64(new Uint8Array(data.buffer))",
    )
    return str(text).encode()


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing at WCAG 2.2 AA and in its best practices."""
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_mixed_files_each_have_their_result_or_their_reason(page: Page, tmp_path: Path) -> None:
    good = {f"films/{seed}.{end}": picture(seed, kind=kind) for seed, end, kind in (
        (1, "png", "PNG"), (2, "jpg", "JPEG"), (3, "tif", "TIFF"), (4, "bmp", "BMP"),
    )}  # fmt: skip
    bad = {
        "text.png": b"this is no picture",
        "empty.dcm": b"\0" * 132,
        "cut.png": picture(1)[:300],
        "noise.png": noise(1),
    }
    expect(page.get_by_text(NOTICE).first).to_be_visible()
    assert_accessible(page)
    send(page, *write(tmp_path, good | bad))
    done(page, 8)
    for name, data in (good | bad).items():
        row = page.locator(f"[data-name='{Path(name).name}']")
        row.scroll_into_view_if_needed()
        _, result = read(data, "steady")
        if isinstance(result, Prediction):
            expect(row.locator(".key")).to_contain_text(
                "detected" if result.covid_detected else "not detected"
            )
            expect(row.locator(".key")).to_contain_text(result.severity.grade)
            expect(row.locator("img")).to_be_visible()
        else:
            expect(row.locator(".reason")).to_contain_text(result.reason)
    expect(page.locator("[data-name='noise.png'] .reason")).to_contain_text("Rejected")
    page.get_by_role("button", name="Rejected or failed").click()
    expect(page.locator(".film")).to_have_count(4)
    assert_accessible(page)


def test_a_zip_and_a_folder_are_lists_of_films(page: Page, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("ward/1.png", picture(1))
        archive.writestr("ward/notes.txt", "nothing")
    (packed,) = write(tmp_path, {"films.zip": stream.getvalue()})
    send(page, packed)
    done(page, 2)
    expect(page.locator("[data-name='ward/1.png'] .key")).to_contain_text("Infected")
    expect(page.locator("[data-name='ward/notes.txt'] .reason")).to_contain_text("Failed")
    write(tmp_path / "folder", {"a/2.png": picture(2), "a/.DS_Store": b"x"})
    page.get_by_role("link", name="infmap viewer").click()
    page.set_input_files("input[webkitdirectory]", str(tmp_path / "folder"))
    expect(page.locator("[data-name='folder/a/2.png'] .key")).to_be_visible()
    expect(page.locator(".film")).to_have_count(1)


def test_films_are_dropped_on_the_page(page: Page, tmp_path: Path) -> None:
    expect(page.locator(".drop")).to_be_attached()
    page.evaluate(
        "async ([name, text]) => {"
        "  const { fromBase64 } = await import('/web/mask.js');"
        "  const dataTransfer = new DataTransfer();"
        "  dataTransfer.items.add(new File([fromBase64(text)], name));"
        "  document.querySelector('.drop').dispatchEvent("
        "    new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));"
        "}",
        ["1.png", base64.b64encode(picture(1)).decode()],
    )
    done(page, 1)
    expect(page.locator("[data-name='1.png'] .key")).to_contain_text("Infected")


def test_results_come_as_they_are_done_over_lines_that_break(
    page: Page, server: StandIn, tmp_path: Path
) -> None:
    server.paused = server.cut = True
    # Known before, so that the bytes need not be awaited.
    server.refused = 2
    send(page, *write(tmp_path, {"1.png": picture(1), "2.png": picture(2)}))
    expect(page.locator(".film .state").first).to_have_text("waits to be read")
    before = server.connects
    expect(page.locator("main[data-connection='lost']")).to_be_attached()
    expect(page.get_by_role("status").first).to_contain_text("the connection is lost")
    while server.connects < before + 2:
        page.wait_for_timeout(20)
    server.cut = server.paused = False
    for job in list(server.jobs.values()):
        server.work(job)
    done(page, 2)
    expect(page.locator(".film .key")).to_have_count(2)
    page.goto(server.url)
    # The server is shared by the tests of this file: jobs of all of them, the newest first.
    names = [str(job.items[0]["name"]) for job in reversed(server.jobs.values())]
    assert names[0] == "1.png"
    expect(page.locator(".jobs a")).to_have_text(names)


def test_the_threshold_recounts_shares_at_once(page: Page, tmp_path: Path) -> None:
    send(page, *write(tmp_path, {"1.png": picture(1, 5)}))
    open_film(page, "1.png")
    _, result = read(picture(1, 5), "steady")
    assert isinstance(result, Prediction) and result.covid_detected
    levels = np.rint(result.infection * 255)
    zones = brixia_zones(result.lungs)
    slider = page.get_by_role("slider", name="Infected from a probability of")
    shown = page.locator("[data-figure=infected]")
    seen = set()
    for threshold in (0.36, 0.9, 0.2):
        slider.fill(str(threshold))
        infected = levels >= first_level(threshold)
        share = infected[result.lungs].mean()
        expect(shown).to_have_text(f"{int(100 * share + 0.5)} %")
        for zone, part in zones.shares(infected).items():
            cell = page.locator(".zones tbody td", has=page.get_by_text(zone, exact=True))
            text = "<1 %" if 0 < part < 0.01 else f"{int(100 * part + 0.5)} %"
            expect(cell).to_have_text(re.compile(f"^{zone} *{re.escape(text)}$"))
        seen.add(drawn(page))
    assert len(seen) == 3
    expect(page.locator(".live")).to_contain_text("your thresholds")
    page.keyboard.press("t")
    expect(page.locator(".live")).to_contain_text("the model’s thresholds")


def test_window_zoom_and_layers_by_mouse_and_keys(page: Page, tmp_path: Path) -> None:
    send(page, *write(tmp_path, {"3.png": picture(3, 5)}))
    open_film(page, "3.png")
    status = page.locator(".status")
    page.locator("canvas").hover()
    expect(status).to_contain_text(re.compile("Zone|outside the lungs"))
    seen = [drawn(page)]
    page.mouse.down()
    page.mouse.move(300, 500)
    page.mouse.up()
    expect(status).not_to_contain_text("Window 4096")
    for key in ("i", "+", "Shift+ArrowLeft", ",", "m", "m", "1", "4", "m", "3"):
        seen.append(drawn(page))
        page.keyboard.press(key)
    seen.append(drawn(page))
    assert all(one != other for one, other in zip(seen, seen[1:], strict=False))
    page.keyboard.press("0")
    page.keyboard.press("f")
    expect(status).to_contain_text("Window 4096, level 2048")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Blinking at one place")
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Films", exact=True)).to_be_visible()


def test_a_reload_keeps_film_map_threshold_and_place(page: Page, tmp_path: Path) -> None:
    files = {f"eve@{day}.png": picture(3, n) for day, n in ((-9, 1), (0, 5))}
    send(page, *write(tmp_path, files))
    done(page, 2)
    open_film(page, "eve@0.png")
    page.keyboard.press("c")
    expect(page.locator("canvas")).to_have_count(2)
    page.keyboard.press("m")
    page.get_by_role("slider", name="Opaque from a probability of").fill("0.4")
    page.keyboard.press("+")
    before = ask(page, "return [desk.surface.view, desk.surface.look, desk.beside.reading.id]")
    page.reload()
    ready(page)
    expect(page.locator("canvas")).to_have_count(2)
    after = ask(page, "return [desk.surface.view, desk.surface.look, desk.beside.reading.id]")
    assert after == before


def test_a_patients_films_and_two_models_are_compared(page: Page, tmp_path: Path) -> None:
    files = {f"bo@{day}.png": picture(3, n) for day, n in ((-14, 1), (-7, 3), (0, 5))}
    page.get_by_label("keen").check()
    send(page, *write(tmp_path, files))
    done(page, 6)
    page.locator("[data-name='bo@0.png'] a.name").first.click()
    ready(page)
    course = page.get_by_role("region", name="Films of the patient")
    expect(course.get_by_role("row")).to_have_count(4)
    expect(page.locator(".plot circle")).to_have_count(6)
    course.get_by_role("button", name="Compare 14 days earlier").click()
    expect(page.locator("canvas")).to_have_count(2)
    expect(page.get_by_role("heading", name="Change")).to_be_visible()
    # Both films move together.
    left, right = drawn(page, 0), drawn(page, 1)
    page.keyboard.press("+")
    assert drawn(page, 0) != left
    assert drawn(page, 1) != right
    page.get_by_role("radio", name="Change").check()
    expect(page.get_by_text("opaque here, not in the other film")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("b")
    page.get_by_role("button", name="Hold").click()
    first = drawn(page)
    page.keyboard.press("x")
    assert drawn(page) != first
    page.get_by_role("combobox").select_option(label="keen")
    expect(page.get_by_role("heading", name="Two models")).to_be_visible()
    expect(page.locator("figcaption").last).to_contain_text("keen")


def test_films_of_other_views_are_not_compared_without_a_word(page: Page, tmp_path: Path) -> None:
    views = {"cy@-14.AP.png": 1, "cy@-7.PA.png": 3, "cy@0.PA.png": 5, "cy@7.png": 2}
    send(page, *write(tmp_path, {name: picture(3, n) for name, n in views.items()}))
    done(page, 4)
    open_film(page, "cy@0.PA.png")
    course = page.get_by_role("region", name="Films of the patient")
    stated = course.locator("[data-view]")
    expect(stated).to_have_text(["AP", "PA", "PA", "view not stated"])
    apart = page.get_by_role("note")
    # All of the table fits beside the film, and looking at it moves nothing but the figures.
    assert course.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    course.evaluate("one => one.scrollIntoView()")
    assert page.evaluate("document.querySelector('#app').scrollTop") == 0
    expect(apart).to_contain_text("Views differ (AP, PA)")
    course.get_by_role("button", name="Compare 14 days earlier").click()
    expect(apart).to_have_count(2)
    expect(page.get_by_role("combobox")).to_contain_text("14 days earlier, AP")
    assert_accessible(page)
    # Of two films of one view nothing is said; where one states none, that is.
    course.get_by_role("button", name="Compare 7 days earlier").click()
    expect(page.locator("figcaption").last).to_contain_text("cy@-7.PA.png, PA")
    expect(apart).to_have_count(1)
    course.get_by_role("button", name="Compare 7 days later").click()
    expect(apart.nth(0)).to_contain_text("1 of 2 files do not state")


def test_what_is_known_of_the_shares_stands_beside_them(page: Page, tmp_path: Path) -> None:
    page.get_by_label("keen").check()
    send(page, *write(tmp_path, {"1.png": picture(1, 5)}))
    done(page, 2)
    page.locator("[data-name='1.png'] a.name").first.click()
    ready(page)
    trust = page.get_by_role("region", name="Lung involvement").locator(".trust")
    expect(trust).to_contain_text("no interval of their own")
    expect(trust).to_contain_text("on 77 films of its validation")
    expect(trust).to_contain_text("mean Dice of 0.61; 8 % of films without infection showed some")
    expect(trust).to_contain_text(
        "On 864 validation films the infected fraction of the lungs was on average 1.2 points too "
        "high [+0.8, +1.6]; 95 % of single films lie between −9 and +11. On the 40 with infection "
        "it was on average 3.4 points too low [−7.1, 0.0]; 95 % of single films"
    )
    expect(trust).to_contain_text(
        "On 77 validation films the opaque fraction of the lungs was neither too high nor too low "
        "on average"
    )
    expect(trust).to_contain_text("measured at the model’s own thresholds on 864 phantom films")
    expect(trust).not_to_contain_text("was not measured")
    assert_accessible(page)
    result = read(picture(1, 5), "steady")[1]
    assert isinstance(result, Prediction)
    assert result.severity.interval is not None
    low, high = result.severity.interval
    expect(trust).to_contain_text(f"{low:.1f} to {high:.1f} of 8 (90 %)")
    page.get_by_role("button", name="Next").click()
    ready(page)
    expect(trust).to_contain_text("how much they are too high or too low was not measured")
    expect(trust).to_contain_text("Nothing is known of this model")
    expect(trust).not_to_contain_text("points")


def test_a_film_that_was_sent_is_not_to_be_sent(
    page: Page, server: StandIn, tmp_path: Path
) -> None:
    server.paused = True
    sums = {
        name: hashlib.sha256(picture(n)).hexdigest() for n, name in ((41, "a.png"), (42, "b.png"))
    }
    held: list[Route] = []
    page.route(f"**/films/{sums['b.png']}", lambda route: held.append(route))
    send(page, *write(tmp_path, {"a.png": picture(41), "b.png": picture(42)}))
    expect(page.locator("[data-name='a.png'] .state")).to_have_text("waits to be read")
    expect(page.locator("[data-name='b.png'] .state")).to_have_text("to be sent")
    held[0].continue_()
    expect(page.locator("[data-name='b.png'] .state")).to_have_text("waits to be read")
    server.paused = False
    for job in list(server.jobs.values()):
        server.work(job)
    done(page, 2)


def test_downloads_are_the_real_bytes(page: Page, tmp_path: Path) -> None:
    send(page, *write(tmp_path, {"3.png": picture(3, 5)}))
    open_film(page, "3.png")
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog", name="Downloads")
    _, result = read(picture(3, 5), "steady")
    assert isinstance(result, Prediction)
    stream = io.BytesIO()
    overlay(result).save(stream, "PNG")
    with page.expect_download() as got:
        dialog.get_by_role("button", name="PNG").click()
    assert got.value.path().read_bytes() == stream.getvalue()
    assert got.value.suggested_filename.endswith(".png")
    with page.expect_download() as got:
        dialog.get_by_role("button", name="JSON").click()
    assert json.loads(got.value.path().read_text()) == json.loads(json.dumps(result.to_dict()))
    expect(dialog.get_by_role("button", name="DICOM SEG")).to_be_disabled()
    dialog.get_by_role("button", name="PDF").click()
    expect(dialog.get_by_role("alert")).to_have_text("pdf: this server makes none")
    assert_accessible(page)


def test_a_rejected_film_is_shown_with_its_reason(page: Page, tmp_path: Path) -> None:
    send(page, *write(tmp_path, {"noise.png": noise(1)}))
    open_film(page, "noise.png")
    expect(page.get_by_role("heading", name="Rejected")).to_be_visible()
    expect(page.locator("canvas")).to_be_visible()
    expect(page.get_by_role("slider")).to_have_count(0)
    assert_accessible(page)


def test_a_phone_reads_films_by_touch(browser: Browser, server: StandIn, tmp_path: Path) -> None:
    watched = Watched(
        browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    )
    page = watched.page()

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        expect(page.get_by_text(NOTICE).first).to_be_visible()

    page.goto(server.url)
    expect(page.get_by_role("button", name="Choose files…")).to_be_visible()
    fits()
    files = {f"a_long_name_{'x' * 40}@{day}.png": picture(3, n) for day, n in ((-9, 1), (0, 5))}
    send(page, *write(tmp_path, files))
    done(page, 2)
    fits()
    page.locator("a.name").last.tap()
    ready(page)
    fits()
    before = ask(page, "return desk.surface.viewpoint.scale")
    ask(
        page,
        "const { canvas } = desk.surface.panes[0];"
        "const touch = (kind, id, x) => canvas.dispatchEvent(new PointerEvent(kind, {"
        "  pointerId: id, pointerType: 'touch', clientX: x, clientY: 300,"
        "  bubbles: true, isPrimary: id === 1 }));"
        "canvas.setPointerCapture = () => {};"
        "touch('pointerdown', 1, 150); touch('pointerdown', 2, 200); touch('pointermove', 2, 300);"
        "touch('pointerup', 1, 150); touch('pointerup', 2, 300);",
    )
    assert float(str(ask(page, "return desk.surface.viewpoint.scale"))) > 2 * float(str(before))
    page.get_by_role("combobox").select_option(label="9 days earlier, view not stated")
    expect(page.locator("canvas")).to_have_count(2)
    fits()
    assert_accessible(page)
    watched.check(server.url)
    watched.context.close()


def test_a_key_is_asked_for_where_the_server_is_not_local(
    browser: Browser, server: StandIn, tmp_path: Path
) -> None:
    server.locked = True
    watched = Watched(browser.new_context(viewport=SIZE))
    page = watched.page()
    page.goto(server.url)
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_text(NOTICE)).to_be_visible()
    assert_accessible(page)
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("there is no such key, or it is disabled")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    send(page, *write(tmp_path, {"1.png": picture(1)}))
    done(page, 1)
    # The session ends while a film is looked at: what is shown stays.
    server.signed_in = False
    page.evaluate("location.hash = '#/'")
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    watched.check(server.url)
    watched.context.close()


def test_a_server_that_cannot_be_reached_is_said(page: Page, tmp_path: Path) -> None:
    page.goto(page.url + "#/film/none")
    expect(page.get_by_role("alert")).to_have_text("there is no such film")
    page.goto(page.url.split("#")[0] + "#/job/none")
    expect(page.get_by_role("alert")).to_have_text("there is no such job")


def test_names_are_text_whatever_they_hold(page: Page, js: Run, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    send(page, *write(tmp_path, {name: picture(1)}))
    done(page, 1)
    open_film(page, name)
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert js("return document.querySelectorAll('h1 img').length") == 0
