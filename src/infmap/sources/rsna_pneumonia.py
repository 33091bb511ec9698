"""RSNA Pneumonia Detection Challenge 2018 (Shih et al. 2019): films of NIH ChestX-ray14.

Publisher's layout: stage_2_train_images/ID.dcm, stage_2_test_images/ID.dcm without labels,
stage_2_train_labels.csv (boxes, one row each) and stage_2_detailed_class_info.csv. An ID is a film,
not a patient: patients are known where RSNA's pneumonia-challenge-dataset-mappings_2018.json, which
names the film of ChestX-ray14, lies beside them.

"Lung Opacity" is what the readers took for pneumonia on the film alone, and labels it: an opacity
is somewhere in the lungs, and the boxes around it are no mask. "No Lung Opacity / Not Normal" rules
pneumonia out and is not normal; whether other opacities are there is unknown. COVID-19 is ruled out
by the years.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, homes, missing, pictures, some
from infmap.sources.headers import read_header
from infmap.sources.record import Box, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Labels, check_table, read_table

LICENCE = "RSNA challenge terms of use; films of NIH ChestX-ray14 with attribution"
FOLDERS = {"train": "stage_2_train_images", "test": "stage_2_test_images"}
BOXES, INFO = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
BOX_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
INFO_COLUMNS = ("patientId", "class")
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
CLASSES: dict[str | None, Labels] = {
    "Normal": (False, False, True),
    "Lung Opacity": (False, True, False),
    "No Lung Opacity / Not Normal": (False, False, False),
}
UNKNOWN: Labels = (False, None, None)


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film, test films without labels.

    Raises:
        UsageError: no film in the publisher's layout below ``root``, or a damaged table.
    """
    return at_least_one(_films(root), f"{root}: expected stage_2_train_images/*.dcm")


def _home(root: Path) -> Path:
    return next(iter(homes(root, tuple(FOLDERS.values()))), root)


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    kinds, boxes, patients = _kinds(home), _boxes(home), _patients(home)
    for split, folder in FOLDERS.items():
        for film in pictures(home / folder, (".dcm",)):
            header = read_header(film)
            covid19, pneumonia, normal = CLASSES.get(kinds.get(film.stem), UNKNOWN)
            yield SourceRecord(
                path=film.relative_to(root).as_posix(),
                patient_id=patients.get(film.stem),
                view=header.view,
                sex=header.sex,
                age=header.age,
                covid19=covid19,
                pneumonia=pneumonia,
                normal=normal,
                opacity_truth="somewhere" if pneumonia else None,
                licence=LICENCE,
                official_split=split,
                boxes=tuple(boxes.get(film.stem, ())),
            )


def _kinds(home: Path) -> dict[str, str]:
    """Class by film."""
    if not (home / INFO).is_file():
        return {}
    return {row["patientId"]: row["class"] for row in read_table(home / INFO, INFO_COLUMNS)}


def _boxes(home: Path) -> dict[str, list[Box]]:
    """Boxes by film; rows of films without one have empty cells."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in read_table(home / BOXES, BOX_COLUMNS) if (home / BOXES).is_file() else ():
        if row["x"]:
            try:
                x, y, width, height = (float(row[side]) for side in BOX_COLUMNS[1:5])
                boxes[row["patientId"]].append(Box("Lung Opacity", x, y, width, height))
            except ValueError as error:
                raise UsageError(f"{home / BOXES}: {row['patientId']}: {error}") from error
    return boxes


def _patients(home: Path) -> dict[str, str]:
    """Patient of ChestX-ray14 by film, in that source's own words."""
    if not (home / MAPPING).is_file():
        return {}
    try:
        rows = json.loads((home / MAPPING).read_text(encoding="utf-8"))
        return {row["subset_img_id"]: f"chestxray14:{row['img_id'][:8]}" for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{home / MAPPING}: expected a list of subset_img_id and img_id, got {error!r}"
        ) from error


def check(root: Path) -> list[str]:
    """Findings: what is missing or damaged, films without a class, rows without a film."""
    home = _home(root)
    findings = missing(home, [FOLDERS["train"]], "no labelled films")
    findings += missing(home, [FOLDERS["test"]], "no test films")
    findings += check_table(home / INFO, INFO_COLUMNS, "no classes")
    findings += check_table(home / BOXES, BOX_COLUMNS, "no boxes")
    findings += missing(home, [MAPPING], "patients are unknown, and films of one may part")
    try:
        kinds, _, patients = _kinds(home), _boxes(home), _patients(home)
    except UsageError as error:
        return findings + ([str(error)] if str(error) not in findings else [])
    films = {film.stem for film in pictures(home / FOLDERS["train"], (".dcm",))}
    if kinds:
        findings += some(
            kinds.keys() - films, len(kinds), f"films that {INFO} lists are not on disk"
        )
        findings += some(films - kinds.keys(), len(films), f"films are not in {INFO}")
        odd = {name for name, kind in kinds.items() if kind not in CLASSES}
        findings += some(odd, len(kinds), "films have a class that is not known")
    if patients:
        findings += some(films - patients.keys(), len(films), f"films are not in {MAPPING}")
    return findings


SOURCE = Source(
    name="rsna-pneumonia",
    title="RSNA Pneumonia Detection Challenge 2018",
    films=29_684,
    size="4 GB",
    licence=LICENCE,
    url="https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
    needs="a Kaggle account; the mapping to patients lies on the challenge's page at rsna.org",
    citation="Shih et al., Radiology: Artificial Intelligence 1, 2019, doi:10.1148/ryai.2019180041",
    layout="stage_2_train_images/*.dcm, stage_2_test_images/*.dcm, stage_2_train_labels.csv, "
    f"stage_2_detailed_class_info.csv, {MAPPING}",
    read=read,
    check=check,
)
