"""Headers that break the standard: what derived objects copy of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from infmap.core.types import Prediction, Radiograph, Severity
from infmap.dicom import film_of_picture, header_notes, infection_seg, severity_report
from infmap.report.dicom import KINDS, dicom_objects

hd = pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from hostile_headers import COLUMNS, HOSTILE, ROWS, YAMADA, film, read_back  # noqa: E402
from validator import WARNINGS, between, errors, warnings  # noqa: E402

ZERO = np.zeros((ROWS, COLUMNS), np.float32)
LUNGS = ZERO.astype(bool)
LUNGS[5:35, 5:25] = LUNGS[5:35, 35:55] = True
OPAQUE = LUNGS.copy()
OPAQUE[:20] = False
PREDICTION = Prediction(
    infection=OPAQUE * np.float32(0.5),
    opacity=OPAQUE * np.float32(0.8),
    lungs=LUNGS,
    infected=OPAQUE,
    opaque=OPAQUE,
    covid_probability=0.875,
    covid_detected=True,
    infected_fraction=0.5,
    infected_fraction_right=0.5,
    infected_fraction_left=0.5,
    opacity_fraction=0.5,
    opacity_fraction_right=0.5,
    opacity_fraction_left=0.5,
    zones=dict(zip("ABCDEF", (0.0, 0.5, 1.0) * 2)),
    severity=Severity("moderate", 4.0, (2.0, 6.0), extent_right=2.0, extent_left=2.0),
    quality={},
    warnings=("low lung-mediastinum contrast",),
    model="m@1",
    radiograph=Radiograph(ZERO, sha256="ab"),
)


OWN = {
    "Greek": frozenset(
        {
            "Warning - PatientName - Value dubious for this VR [PN] = <Διονυσιος> - "
            "Retired Person Name form"
        }
    ),
    "long codes": frozenset(
        {"Warning - CodingSchemeDesignator - Unrecognized defined term = <99L>"}
    ),
}
"""Warnings of valid values of the film itself, which objects copy as they are."""


def saved(dataset: Dataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def film_of(seg: Dataset) -> str:
    """UID of the film that a segmentation refers to."""
    instance = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    return str(instance.ReferencedSOPInstanceUID)


def copied(**elements: Any) -> Dataset:
    return infection_seg(read_back(film(**elements)), PREDICTION)


@pytest.mark.parametrize("name", HOSTILE)
def test_objects_are_written_and_valid(name: str, tmp_path: Path) -> None:
    source = read_back(HOSTILE[name])
    made = dicom_objects(source, PREDICTION)
    paths = [saved(dataset, tmp_path / f"{kind}.dcm") for kind, dataset in made.items()]
    assert len(paths) == len(KINDS)
    for path in paths:
        assert errors(path) == []
        assert warnings(path) <= WARNINGS | OWN.get(name, frozenset())
    # The film itself is as hostile as it is meant to be, so it is not among them.
    assert between(paths, absent=film_of(made["seg"])) <= WARNINGS
    assert hd.seg.segread(tmp_path / "seg.dcm").number_of_segments == 5
    assert hd.sr.srread(tmp_path / "sr.dcm").PatientID == made["seg"].PatientID


def test_warnings_are_those_of_the_committed_list(tmp_path: Path) -> None:
    films = {
        "sound": film(),
        "empty": read_back(HOSTILE["nothing of patient and study"]),
        "picture": film_of_picture(PREDICTION.radiograph),
    }
    found: set[str] = set()
    for name, source in films.items():
        made = {"film": source} if name != "empty" else {}
        made |= dicom_objects(source, PREDICTION)
        paths = [saved(dataset, tmp_path / f"{name}-{kind}.dcm") for kind, dataset in made.items()]
        for path in paths:
            assert errors(path) == []
            found |= warnings(path)
        found |= between(paths, absent="" if "film" in made else film_of(made["seg"]))
    assert found == WARNINGS


def test_every_object_of_a_sound_film_is_valid(tmp_path: Path) -> None:
    source = film()
    assert header_notes(source) == ()
    assert errors(saved(severity_report(source, PREDICTION), tmp_path / "sr.dcm")) == []


def test_an_invalid_object_is_noticed(tmp_path: Path) -> None:
    source = film()
    source.PatientSex = "FEMALE"
    assert any("PatientSex" in line for line in errors(saved(source, tmp_path / "dx.dcm")))


@pytest.mark.parametrize("set_", ["Japanese", "UTF-8 without saying so"])
def test_names_of_any_script_are_copied(set_: str, tmp_path: Path) -> None:
    source = read_back(HOSTILE[set_])
    assert header_notes(source) == ()
    path = saved(severity_report(source, PREDICTION), tmp_path / "sr.dcm")
    assert str(hd.sr.srread(path).PatientName) == YAMADA


def test_other_scripts() -> None:
    names = {
        name: str(infection_seg(read_back(HOSTILE[name]), PREDICTION).PatientName)
        for name in ("Japanese, half width", "Korean", "Greek", "Chinese", "Arabic")
    }
    assert names == {
        "Japanese, half width": "ﾔﾏﾀﾞ^ﾀﾛｳ",
        "Korean": "Hong^Gildong=洪^吉洞",
        "Greek": "Διονυσιος",
        "Chinese": "Wang^XiaoDong=王^小东",
        "Arabic": "قباني^لنزار",
    }


def test_what_cannot_be_decoded_is_not_guessed() -> None:
    for name in ("Latin-1 without saying so", "unknown set", "broken UTF-8", "broken escape"):
        source = read_back(HOSTILE[name])
        assert infection_seg(source, PREDICTION).PatientName == ""
        assert any("left out" in note and "PatientName" in note for note in header_notes(source))


def test_identifiers_are_never_cut() -> None:
    seg = copied(PatientID="9" * 65, AccessionNumber="A" * 17, PatientName="N" * 80)
    assert (seg.PatientID, seg.AccessionNumber, seg.PatientName) == ("", "", "")
    assert len(copied(StudyDescription="chest film " * 20).StudyDescription) <= 64


def test_notes_name_keywords_and_never_values() -> None:
    source = read_back(
        film(PatientAge="62", PatientID="7" * 70, StudyDate="2020-01-02", SOPInstanceUID="secret")
    )
    notes = header_notes(source)
    assert notes == (
        "missing or invalid elements of the header are repaired in the DICOM objects: "
        "StudyDate, SOPInstanceUID",
        "invalid elements of the header are left out of the DICOM objects: PatientID, PatientAge",
    )


def test_made_up_uids_are_those_of_the_same_study() -> None:
    first, second = copied(StudyInstanceUID="study 7"), copied(StudyInstanceUID="study 7")
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.StudyInstanceUID != copied(StudyInstanceUID="study 8").StudyInstanceUID
    assert first.StudyInstanceUID.startswith("2.25.")


def test_private_elements_and_pixels_are_not_copied() -> None:
    seg = infection_seg(read_back(HOSTILE["private junk"]), PREDICTION)
    assert not any(element.tag.is_private for element in seg.iterall())
    assert "Nested" not in str(seg)


def test_elements_set_in_python_are_taken_too() -> None:
    source = film()
    source.PatientSize, source.PatientAge, source.PatientName = 1.75, "062Y", "A^B"
    seg = infection_seg(source, PREDICTION)
    assert (float(seg.PatientSize), seg.PatientAge, seg.PatientName) == (1.75, "062Y", "A^B")
