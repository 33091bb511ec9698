"""The viewer over the whole server: real results and downloads, and the pictures of the docs."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pydicom
import pytest
from dropped_films import noise, picture, write
from playwright.sync_api import Browser, Page, expect
from pydicom.uid import generate_uid
from server_process import ServerProcess

import infmap
from infmap.api import DEFAULT_MODEL, model_folder
from infmap.core.errors import FilmError
from infmap.dicom.write import write_dx
from infmap.phantom import render
from infmap.serve import keys
from infmap.serve.server import ServerSettings
from infmap.serve.store import Store

from .conftest import SIZE, Watched

pytest.importorskip("highdicom", reason="highdicom is not installed: pip install 'infmap[dicom]'")
FILES = "input[type=file]:not([webkitdirectory])"
DESK = "const desk = document.querySelector('.stage').desk;"
IMAGES = os.environ.get("INFMAP_DOC_IMAGES")
"""Folder that gets the documentation's pictures; a folder of the test's own by default."""


def dicom(path: Path, day: int, opacities: int, side: int = 512) -> bytes:
    """One film of a patient with three, made on a day of March 2021."""
    pixels = render(7, size=side, opacities=opacities).pixels
    write_dx(
        path,
        np.rint(pixels * 65535).astype(np.uint16),
        spacing_mm=(0.7, 0.7),
        patient_id="PHANTOM-7",
    )
    made = pydicom.dcmread(path)
    made.StudyDate = made.SeriesDate = made.AcquisitionDate = made.ContentDate = f"202103{day:02d}"
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        made[name].value = generate_uid(entropy_srcs=[name, str(day)])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path)
    return path.read_bytes()


def mixed(folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Twenty files to send, five of them bad; and the films that they are, by the name shown."""
    kinds = (("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF"), ("bmp", "BMP"))
    films = {
        f"film-{seed}.{end}": picture(seed, seed % 4, kind)
        for seed, (end, kind) in enumerate(kinds * 3)
    }
    sent = films.copy()
    for day, opacities in ((1, 1), (8, 3)):
        name = f"chest-{day}.dcm"
        sent[name] = films[name] = dicom(folder / name, day, opacities)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, data in (("ward/a.png", picture(31)), ("ward/b.jpg", picture(32, kind="JPEG"))):
            archive.writestr(member, data)
            films[member] = data
    sent["ward.zip"] = stream.getvalue()
    bad = {
        "text.png": b"this is no picture",
        "empty.dcm": b"\0" * 128 + b"DICM",
        "cut.png": picture(1)[:300],
        "noise.png": noise(1),
        "black.png": noise(2)[:40] + b"\0" * 200,
    }
    return sent | bad, films | bad


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the shipped model."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "server")
    process.start()
    yield process.address + "/"
    process.stop()


def shot(page: Page, name: str, folder: Path) -> None:
    """A picture of the page, for the documentation."""
    path = Path(IMAGES or folder) / f"{name}.jpg"
    page.screenshot(path=path, type="jpeg", quality=82)


def ready(page: Page) -> None:
    expect(page.locator("main.reading[data-ready=true]")).to_be_visible()


def test_twenty_mixed_files_are_read_looked_at_and_taken_away(
    browser: Browser, real: str, tmp_path: Path
) -> None:
    watched = Watched(browser.new_context(viewport=SIZE, accept_downloads=True))
    page = watched.page()
    page.goto(real)
    sent, films = mixed(tmp_path)
    assert len(sent) == 20
    page.set_input_files(FILES, [str(path) for path in write(tmp_path, sent)])
    expect(page.locator("main.job")).to_have_attribute("data-state", "done")
    expect(page.get_by_role("status").first).to_have_text("21 of 21 films done")
    model = infmap.load()
    for name, data in films.items():
        row = page.locator(f"[data-name='{name}']")
        row.scroll_into_view_if_needed()
        try:
            result = model.predict(data)
        except FilmError as error:
            # The file's own name is the server's affair: the reason starts after it.
            assert row.get_attribute("data-status") in ("rejected", "failed")
            expect(row.locator(".reason")).to_contain_text(error.reason[:30])
            continue
        covid = "detected, " if result.covid_detected else "not detected, "
        expect(row.locator("dd").first).to_contain_text(covid)
        expect(row.locator("dd").last).to_contain_text(result.severity.grade)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("[...document.images].slice(0, 5).every((one) => one.complete)")
    shot(page, "viewer-list", tmp_path)

    expect(page.locator("[data-name='chest-8.dcm'] .made")).to_have_text("2021-03-08, PA")
    page.get_by_role("link", name="chest-8.dcm", exact=True).click()
    ready(page)
    stated = page.get_by_role("region", name="Films of the patient").locator("[data-view]")
    expect(stated).to_have_text(["PA", "PA"])
    expect(page.get_by_role("note")).to_have_count(0)
    film = str(page.locator("main").get_attribute("data-film"))
    # At the model's own thresholds the page counts what the result says, to the last pixel.
    counted, line = page.evaluate(
        "() => { " + DESK + "return [desk.reading.shares(desk.thresholds), desk.reading.line] }"
    )
    assert counted["both"]["infected"] == pytest.approx(line["infected_fraction"], abs=1e-6)
    assert counted["both"]["opaque"] == pytest.approx(line["opacity_fraction"], abs=1e-6)
    assert counted["left"]["infected"] == pytest.approx(line["infected_fraction_left"], abs=1e-6)
    for zone, part in zip("ABCDEF", counted["zones"], strict=True):
        assert part["infected"] == pytest.approx(line["zones"][zone], abs=1e-6)
    page.keyboard.press("4")
    shot(page, "viewer-film", tmp_path)
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog", name="Downloads")
    kinds = {
        "PNG": "overlay", "PDF": "pdf", "JSON": "json", "FHIR": "fhir", "DICOM SEG": "seg",
        "DICOM SR": "sr", "DICOM SC": "sc", "DICOM GSPS": "gsps",
    }  # fmt: skip
    for label, kind in kinds.items():
        with page.expect_download() as got:
            dialog.get_by_role("button", name=label, exact=True).click()
        with urlopen(f"{real}v1/films/{film}/{kind}") as answer:
            assert got.value.path().read_bytes() == answer.read()
            assert got.value.suggested_filename.startswith(f"infmap-{film}")
    page.keyboard.press("Escape")

    page.keyboard.press("c")
    expect(page.locator("canvas")).to_have_count(2)
    page.get_by_role("radio", name="Change").check()
    page.get_by_role("heading", name="Change").scroll_into_view_if_needed()
    shot(page, "viewer-compare", tmp_path)
    page.reload()
    ready(page)
    expect(page.locator("canvas")).to_have_count(2)
    expect(page.get_by_role("radio", name="Change")).to_be_checked()

    page.keyboard.press("c")
    expect(page.locator("canvas")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    page.keyboard.press("f")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shot(page, "viewer-phone", tmp_path)
    watched.check(real)
    watched.context.close()


def test_a_server_that_is_killed_and_started_again_loses_no_film(
    browser: Browser, tmp_path: Path
) -> None:
    settings = ServerSettings({DEFAULT_MODEL: model_folder()}, keys=True, processes=1)
    store = Store.open(tmp_path / "server")
    with store.begin() as c:
        _, secret = keys.create(c, "ann")
    store.close()
    process = ServerProcess(tmp_path / "server", settings)
    process.start()
    watched = Watched(browser.new_context(viewport=SIZE))
    page = watched.page()
    page.goto(process.address + "/")
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    # Bytes after a picture's end make another file of it.
    files = {f"{k}.png": picture(40) + bytes([k]) for k in range(30)}
    page.set_input_files(FILES, [str(path) for path in write(tmp_path, files)])
    expect(page.locator(".film[data-state=done]").first).to_be_visible()
    process.kill()
    process.start()
    expect(page.get_by_role("status").first).to_have_text("30 of 30 films done")
    expect(page.locator(".film[data-status=ok]")).to_have_count(30)
    watched.check(process.address + "/")
    watched.context.close()
    process.stop()


def test_a_film_and_a_list_are_deleted_after_a_question(
    browser: Browser, real: str, tmp_path: Path
) -> None:
    watched = Watched(browser.new_context(viewport=SIZE))
    page = watched.page()
    page.goto(real)
    sent = {"one.png": picture(61), "two.png": picture(62)}
    page.set_input_files(FILES, [str(path) for path in write(tmp_path, sent)])
    expect(page.locator("main.job")).to_have_attribute("data-state", "done")
    page.get_by_role("link", name="one.png", exact=True).click()
    ready(page)
    film = str(page.locator("main").get_attribute("data-film"))
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Delete…").click()
    with page.expect_response(f"**/v1/films/{film}") as answer:
        page.get_by_role("button", name="Delete for good").click()
    assert answer.value.status == 204
    expect(page.locator("[data-name='two.png']")).to_be_visible()
    expect(page.locator("[data-name='one.png']")).to_have_count(0)
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("main.job")).to_have_count(0)
