"""infmap predict --dicom-seg --dicom-sr, and Prediction.to_dicom_seg."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

import infmap
from infmap.cli.main import main
from infmap.core.errors import UsageError
from infmap.dicom import write_dx
from infmap.phantom import sample_films
from infmap.workflows.dicom_objects import MADE_FILM, NO_STATE

hd = pytest.importorskip("highdicom")
INFECTED = "severe-bilateral-peripheral"


def call(*arguments: object) -> Any:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain film, a negative one, one stored mirrored and upside down, one no DICOM at all."""
    folder = tmp_path_factory.mktemp("films")
    pixels = (dict(sample_films())[INFECTED].pixels * 65535).astype(np.uint16)
    for name, photometric in (("plain", "MONOCHROME2"), ("negative", "MONOCHROME1")):
        write_dx(
            folder / f"{name}.dcm",
            pixels,
            spacing_mm=(0.4, 0.4),
            patient_id="p",
            photometric=photometric,
        )
    turned = pydicom.dcmread(folder / "plain.dcm")
    turned.PatientOrientation = ["R", "H"]
    turned.PixelData = np.ascontiguousarray(turned.pixel_array[::-1, ::-1]).tobytes()
    turned.save_as(folder / "turned.dcm")
    # One that is referred to by UIDs of its own making.
    nameless = pydicom.dcmread(folder / "plain.dcm")
    del nameless.SOPInstanceUID
    nameless.save_as(folder / "nameless.dcm")
    Image.fromarray((pixels >> 8).astype(np.uint8)).save(folder / "picture.png")
    return folder


@pytest.fixture(scope="module")
def out(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    assert call("predict", films, "-o", folder, "--dicom-seg", "--dicom-sr", "-q") == 0
    return folder


def rows(out: Path) -> dict[str, Any]:
    lines = map(json.loads, (out / "results.jsonl").read_text().splitlines())
    return {line["id"]: line for line in lines}


def plane(out: Path, folder: str, name: str) -> np.ndarray:
    with Image.open(out / folder / f"{name}.png") as picture:
        return np.asarray(picture) > 0


@pytest.mark.parametrize("name", ["plain", "negative", "turned"])
def test_segmentation_is_the_png_masks_in_the_stored_grid(name: str, out: Path) -> None:
    seg = hd.seg.segread(out / "seg" / f"{name}.dcm")
    lungs, infected = plane(out, "lungs", name), plane(out, "masks", name)
    assert lungs.any() and infected.any() and seg.pixel_array[4].any()
    if name == "turned":
        lungs, infected = lungs[::-1, ::-1], infected[::-1, ::-1]
    right, left, infected_right, infected_left, opaque = seg.pixel_array > 0
    np.testing.assert_array_equal(right | left, lungs)
    np.testing.assert_array_equal(infected_right | infected_left, infected)
    # The figures are counted on these very pixels.
    line = rows(out)[name]
    for side, region, where in (("right", infected_right, right), ("left", infected_left, left)):
        share = np.count_nonzero(region) / np.count_nonzero(where)
        assert line[f"infected_fraction_{side}"] == pytest.approx(share, rel=1e-5)
    share = np.count_nonzero(opaque) / np.count_nonzero(lungs)
    assert line["opacity_fraction"] == pytest.approx(share, rel=1e-5)


def test_report_holds_the_line_and_refers_to_the_segmentation(out: Path) -> None:
    report = hd.sr.srread(out / "sr" / "plain.dcm")
    seg = hd.seg.segread(out / "seg" / "plain.dcm")
    assert seg.SOPInstanceUID in report.to_json()
    found = report.content.get_planar_roi_measurement_groups()
    assert [g.tracking_identifier for g in found][:3] == [
        "Lung opacity",
        "COVID-19: detected",
        "COVID-19 infected region, right lung",
    ]
    values = {m.name.value: float(m.value) for g in found[:2] for m in g.get_measurements()}
    line = rows(out)["plain"]
    assert values["infected-share"] == pytest.approx(100 * line["infected_fraction"], abs=2e-3)
    assert values["opacity-share"] == pytest.approx(100 * line["opacity_fraction"], abs=2e-3)
    assert values["covid19-prob"] == pytest.approx(100 * line["covid_probability"], abs=2e-3)
    assert values["extent-score"] == pytest.approx(line["severity"]["extent_score"], abs=1e-3)


def test_a_picture_gets_a_film_and_repairs_get_a_warning(films: Path, out: Path) -> None:
    lines = rows(out)
    assert MADE_FILM in lines["picture"]["warnings"]
    assert any("SOPInstanceUID" in warning for warning in lines["nameless"]["warnings"])
    assert not any("DICOM objects" in warning for warning in lines["plain"]["warnings"])
    for folder in ("seg", "sr"):
        names = {path.stem for path in (out / folder).iterdir()}
        assert names == {"plain", "negative", "turned", "nameless", "picture"}
    film = pydicom.dcmread(out / "film" / "picture.dcm")
    seg = hd.seg.segread(out / "seg" / "picture.dcm")
    assert seg.StudyInstanceUID == film.StudyInstanceUID
    assert {uids[2] for uids in seg.get_source_image_uids()} == {film.SOPInstanceUID}
    with Image.open(films / "picture.png") as picture:
        assert film.pixel_array.shape == (picture.height, picture.width)


def test_python_warns_of_a_repaired_header(films: Path) -> None:
    p = infmap.load().predict(films / "nameless.dcm")
    with pytest.warns(UserWarning, match="repaired in the DICOM objects: SOPInstanceUID"):
        p.to_dicom_seg(films / "nameless.dcm")


def test_a_resumed_run_writes_the_objects_that_are_missing(films: Path, tmp_path: Path) -> None:
    paths = [films / "plain.dcm", films / "picture.png"]
    assert call("predict", *paths, "-o", tmp_path, "-q") == 0
    assert not (tmp_path / "sr").exists()
    again = ["predict", *paths, "-o", tmp_path, "-q", "--resume", "--dicom-seg", "--dicom-sr"]
    assert call(*again) == 0
    objects = [tmp_path / "seg" / "plain.dcm", tmp_path / "sr" / "plain.dcm"]
    written = [path.stat().st_mtime_ns for path in objects]
    assert MADE_FILM in rows(tmp_path)["picture"]["warnings"]
    assert call(*again) == 0
    assert [path.stat().st_mtime_ns for path in objects] == written


def test_all_kinds_twice_are_the_same_bytes(films: Path, tmp_path: Path) -> None:
    inputs = films / "plain.dcm", films / "picture.png"
    folders = ("seg", "fractional", "sr", "sc", "gsps", "pdf")
    for run in ("first", "second"):
        assert call("predict", *inputs, "-o", tmp_path / run, "-q", "--dicom", "all") == 0
    for name in ("plain", "picture"):
        for folder in folders:
            first, second = (tmp_path / run / folder / f"{name}.dcm" for run in ("first", "second"))
            assert first.read_bytes() == second.read_bytes()
            assert pydicom.dcmread(first).StudyInstanceUID
    seg = tmp_path / "first" / "seg" / "plain.dcm"
    fractional = tmp_path / "first" / "fractional" / "plain.dcm"
    assert hd.seg.segread(fractional).SegmentationType == "FRACTIONAL"
    assert pydicom.dcmread(seg).SOPInstanceUID != pydicom.dcmread(fractional).SOPInstanceUID


def test_a_colour_film_has_all_but_a_presentation_state(films: Path, tmp_path: Path) -> None:
    colour = pydicom.dcmread(films / "plain.dcm")
    grey = (colour.pixel_array >> 8).astype(np.uint8)
    colour.SamplesPerPixel, colour.PhotometricInterpretation = 3, "RGB"
    colour.PlanarConfiguration, colour.BitsAllocated, colour.BitsStored = 0, 8, 8
    colour.HighBit = 7
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape"):
        del colour[keyword]
    colour.PixelData = np.repeat(grey[:, :, None], 3, axis=2).tobytes()
    colour.save_as(tmp_path / "colour.dcm")
    wanted = "predict", tmp_path / "colour.dcm", "-o", tmp_path / "o", "-q", "--dicom", "sr,gsps"
    assert call(*wanted) == 0
    assert NO_STATE in rows(tmp_path / "o")["colour"]["warnings"]
    report = tmp_path / "o" / "sr" / "colour.dcm"
    written = report.stat().st_mtime_ns
    assert call(*wanted, "--resume") == 0
    assert report.stat().st_mtime_ns == written


def test_an_unknown_kind_is_one_line(films: Path, tmp_path: Path, capsys: Any) -> None:
    assert call("predict", films, "-o", tmp_path / "o", "--dicom", "seg,rtstruct") == 2
    error = capsys.readouterr().err
    assert "seg, fractional, sr, sc, gsps, pdf" in error and error.count("\n") == 1


def test_no_option_no_objects(films: Path, tmp_path: Path) -> None:
    assert call("predict", films / "plain.dcm", "-o", tmp_path, "-q", "--dicom-sr") == 0
    assert not (tmp_path / "seg").exists() and (tmp_path / "sr" / "plain.dcm").exists()


def test_missing_extra_is_one_line_before_any_film(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    assert call("predict", films, "-o", tmp_path / "o", "--dicom-seg") == 2
    error = capsys.readouterr().err
    assert "infmap[dicom]" in error and error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_python_gives_the_same_for_path_and_dataset(films: Path, tmp_path: Path) -> None:
    path = films / "turned.dcm"
    p = infmap.load().predict(path)
    dataset = pydicom.dcmread(path)
    for source in (path, dataset):
        seg = p.to_dicom_seg(source)
        right, left, *infected, opaque = seg.pixel_array > 0
        expected = [m[::-1, ::-1] for m in (p.lungs, p.infected, p.opaque)]
        np.testing.assert_array_equal([right | left, np.any(infected, axis=0), opaque], expected)
    p.to_dicom_sr(path, segmentation=seg).save_as(tmp_path / "sr.dcm")
    with pytest.raises(UsageError, match="another"):
        p.to_dicom_seg(films / "picture.png")
    made = p.to_dicom(path, kinds=("seg", "sc"))
    assert list(made) == ["seg", "sc"] and made["seg"].SOPInstanceUID == seg.SOPInstanceUID
    assert list(p.to_dicom(kinds=("sr",))) == ["film", "sr"]


def test_real_films(data: Path, tmp_path: Path) -> None:
    assert call("predict", data / "dicom", "-o", tmp_path, "-q", "--dicom-seg", "--dicom-sr") in (
        0,
        3,
    )
    judged = {name for name, line in rows(tmp_path).items() if line["status"] == "ok"}
    assert judged
    for name in judged:
        seg = hd.seg.segread(tmp_path / "seg" / f"{name}.dcm")
        expected = [plane(tmp_path, "lungs", name), plane(tmp_path, "masks", name)]
        planes = seg.pixel_array > 0
        np.testing.assert_array_equal([planes[:2].any(axis=0), planes[2:4].any(axis=0)], expected)
        hd.sr.srread(tmp_path / "sr" / f"{name}.dcm")


def test_fhir_bundles_are_written_and_resumed(films: Path, tmp_path: Path) -> None:
    paths = [films / "plain.dcm", films / "picture.png"]
    assert call("predict", *paths, "-o", tmp_path, "-q") == 0
    again = ["predict", *paths, "-o", tmp_path, "-q", "--resume", "--fhir"]
    assert call(*again) == 0
    bundles = {path.stem: path for path in (tmp_path / "fhir").iterdir()}
    assert set(bundles) == {"plain", "picture"} and not (tmp_path / "seg").exists()
    assert MADE_FILM in rows(tmp_path)["picture"]["warnings"]
    for name, path in bundles.items():
        entries = json.loads(path.read_text(encoding="utf-8"))["entry"]
        (study,) = [e["resource"] for e in entries if "series" in e["resource"]]
        film = films / "plain.dcm" if name == "plain" else tmp_path / "film" / "picture.dcm"
        uid = pydicom.dcmread(film, stop_before_pixels=True).SOPInstanceUID
        assert study["series"][0]["instance"][0]["uid"] == uid
    written = [path.stat().st_mtime_ns for path in bundles.values()]
    assert call(*again) == 0
    assert [path.stat().st_mtime_ns for path in bundles.values()] == written
