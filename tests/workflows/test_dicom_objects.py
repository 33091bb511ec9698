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
from infmap.workflows.dicom_objects import NOT_DICOM

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
    assert lungs.any() and infected.any() and seg.pixel_array[2].any()
    if name == "turned":
        lungs, infected = lungs[::-1, ::-1], infected[::-1, ::-1]
    np.testing.assert_array_equal(seg.pixel_array[:2], [lungs, infected])


def test_report_holds_the_line_and_refers_to_the_segmentation(out: Path) -> None:
    report = hd.sr.srread(out / "sr" / "plain.dcm")
    seg = hd.seg.segread(out / "seg" / "plain.dcm")
    assert seg.SOPInstanceUID in report.to_json()
    found = report.content.get_planar_roi_measurement_groups()
    assert [g.tracking_identifier for g in found] == ["Lung opacity", "COVID-19 infected region"]
    values = {m.name.value: float(m.value) for g in found for m in g.get_measurements()}
    line = rows(out)["plain"]
    assert values["infected-share"] == pytest.approx(100 * line["infected_fraction"], abs=2e-3)
    assert values["opacity-share"] == pytest.approx(100 * line["opacity_fraction"], abs=2e-3)
    assert values["covid19-prob"] == pytest.approx(100 * line["covid_probability"], abs=2e-3)
    assert values["extent-score"] == pytest.approx(line["severity"]["extent_score"], abs=1e-3)


def test_what_is_no_dicom_or_was_repaired_gets_a_warning(out: Path) -> None:
    lines = rows(out)
    assert NOT_DICOM in lines["picture"]["warnings"]
    assert any("SOPInstanceUID" in warning for warning in lines["nameless"]["warnings"])
    assert not any("DICOM objects" in warning for warning in lines["plain"]["warnings"])
    for folder in ("seg", "sr"):
        names = {path.stem for path in (out / folder).iterdir()}
        assert names == {"plain", "negative", "turned", "nameless"}


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
    assert NOT_DICOM in rows(tmp_path)["picture"]["warnings"]
    assert call(*again) == 0
    assert [path.stat().st_mtime_ns for path in objects] == written


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
        np.testing.assert_array_equal(
            seg.pixel_array, [m[::-1, ::-1] for m in (p.lungs, p.infected, p.opaque)]
        )
    p.to_dicom_sr(path, segmentation=seg).save_as(tmp_path / "sr.dcm")
    with pytest.raises(UsageError, match="another"):
        p.to_dicom_seg(films / "picture.png")


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
        np.testing.assert_array_equal(seg.pixel_array[:2], expected)
        hd.sr.srread(tmp_path / "sr" / f"{name}.dcm")
