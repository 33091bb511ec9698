"""What is made of a film when somebody asks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from reading_server import MODEL, phantom, send

from infmap.api import load, model_folder
from infmap.core.errors import UsageError
from infmap.dicom import write_dx
from infmap.phantom import render
from infmap.report.dicom import dicom_objects
from infmap.serve import jobs, making, registry, results, uploads
from infmap.serve.aligning import matrix
from infmap.serve.errors import NotFound
from infmap.serve.making import KINDS, MEDIA, OBJECTS, made, make
from infmap.serve.reading import Reader, Work
from infmap.serve.store import Store
from infmap.web.film_encoding import decode_film


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.dcm"
    pixels = render(2, size=256, opacities=2).pixels
    low, high = float(pixels.min()), float(pixels.max())
    levels = np.rint((pixels - low) / (high - low) * 65535).astype(np.uint16)
    write_dx(path, levels, spacing_mm=(0.5, 0.5), patient_id="invented")
    return path.read_bytes()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, dicom: bytes
) -> Iterator[tuple[Store, dict[str, str]]]:
    """A server with the results of a DICOM film, of a picture and of one that was rejected."""
    store = Store.open(tmp_path_factory.mktemp("server"))
    models = {MODEL: model_folder()}
    with store.begin() as c:
        registry.register(c, models)
    blank = io.BytesIO()
    Image.new("L", (64, 64), 90).save(blank, "PNG")
    films = {"dicom": dicom, "picture": phantom(2), "rejected": blank.getvalue(), "failed": b"no"}
    job = send(store, films)
    reader = Reader(
        Work(store.folder, None, models, "me", 1, 1, 0, None),
        store,
        lambda said: None,
        lambda item: None,
    )
    while reader.read_some():
        pass
    with store.read() as c:
        made_of = {item.name: str(item.film) for item in jobs.items(c, job.id)}
    yield store, made_of
    making.APART.close()
    store.close()


def in_process(store: Store, film: str, kind: making.Kind) -> bytes:
    """As ``made`` in its process, without the process."""
    with store.read() as c:
        upload = uploads.path(store, results.get(c, film).sha256)
    folder = results.folder(store, film)
    make(str(upload), str(folder), kind)
    return made(store, film, kind)


def test_objects_are_those_of_predict_whichever_is_asked_for_first(
    server: tuple[Store, dict[str, str]], dicom: bytes
) -> None:
    store, films = server
    prediction = load().predict(dicom)
    source = dcmread(io.BytesIO(dicom), stop_before_pixels=True)
    wanted = dicom_objects(source, prediction)
    for kind in ("sr", "seg", "seg-fractional", "sc", "gsps", "pdf-dicom"):
        stream = io.BytesIO()
        wanted[OBJECTS[kind]].save_as(stream, enforce_file_format=True)
        assert in_process(store, films["dicom"], kind) == stream.getvalue(), kind


def test_every_kind_is_made_in_a_process_of_its_own_once(
    server: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, films = server
    first = {kind: made(store, films["dicom"], kind) for kind in KINDS}
    monkeypatch.setattr(making.APART, "call", None)
    assert {kind: made(store, films["dicom"], kind) for kind in KINDS} == first
    assert first["pdf"].startswith(b"%PDF") and set(MEDIA) == set(first)
    assert json.loads(first["fhir"])["resourceType"] == "Bundle"
    with Image.open(io.BytesIO(first["zones"])) as zones:
        assert set(np.unique(np.asarray(zones))) == set(range(7))
    levels, bits = decode_film(first["full"])
    assert levels.shape == (256, 256) and bits == 16


def test_a_picture_has_a_page_and_no_objects(server: tuple[Store, dict[str, str]]) -> None:
    store, films = server
    for kind in ("pdf", "fhir", "overlay", "full"):
        assert in_process(store, films["picture"], kind)  # type: ignore[arg-type]
    for kind in OBJECTS:
        with pytest.raises(UsageError, match="expected a DICOM film"):
            in_process(store, films["picture"], kind)


def test_a_rejected_film_can_be_looked_at_alone(server: tuple[Store, dict[str, str]]) -> None:
    store, films = server
    assert made(store, films["rejected"], "preview") and made(store, films["rejected"], "full")
    with pytest.raises(UsageError, match="rejected"):
        made(store, films["rejected"], "pdf")
    with pytest.raises(UsageError, match="failed"):
        made(store, films["failed"], "full")
    with pytest.raises(UsageError, match="expected one of"):
        made(store, films["picture"], "../key")
    with pytest.raises(NotFound):
        made(store, "A" * 22, "pdf")


def test_a_film_lies_over_itself(server: tuple[Store, dict[str, str]]) -> None:
    store, films = server
    np.testing.assert_allclose(
        matrix(store, films["dicom"], films["dicom"]), [[1, 0, 0], [0, 1, 0]], atol=1e-9
    )
    assert not Path(results.folder(store, films["rejected"]) / "zones.png").exists()
    with pytest.raises(NotFound):
        matrix(store, films["dicom"], films["rejected"])
