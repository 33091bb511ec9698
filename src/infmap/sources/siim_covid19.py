"""SIIM-FISABIO-RSNA COVID-19 Detection 2021 (Lakhani et al. 2023).

Publisher's layout: {train,test}/STUDY/SERIES/IMAGE.dcm, train_study_level.csv (one of four
appearances a study) and train_image_level.csv (boxes of opacities an image).

The labels are what readers saw, not what a test found. "Typical Appearance" is the only one that
states COVID-19. A film that is indeterminate or atypical may show COVID-19 or another pneumonia:
both stay unknown. "Negative for Pneumonia" rules out a pneumonia on the film, not an infection of
the patient: COVID-19 stays unknown, and whether the film is normal too. A typical, indeterminate or
atypical appearance is an opacity somewhere in the lungs, and a typical one is infection, on a film
with boxes around it, which are no mask. Another film of the study may not show it: without a box
both stay unknown.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, homes, missing, some
from infmap.sources.headers import read_header
from infmap.sources.record import Box, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Labels, check_table, read_table

LICENCE = "challenge rules: non-commercial and research use"
STUDIES, IMAGES = "train_study_level.csv", "train_image_level.csv"
APPEARANCES: dict[str, Labels] = {
    "Negative for Pneumonia": (None, False, None),
    "Typical Appearance": (True, False, False),
    "Indeterminate Appearance": (None, None, False),
    "Atypical Appearance": (None, None, False),
}
STUDY_COLUMNS = ("id", *APPEARANCES)
IMAGE_COLUMNS = ("id", "boxes", "label", "StudyInstanceUID")
SPLITS = ("train", "test")
SIDES = ("x", "y", "width", "height")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film, test films without labels; an image's boxes are opacities.

    Raises:
        UsageError: no film in the publisher's layout below ``root``, or a damaged table.
    """
    return at_least_one(_films(root), f"{root}: expected train/STUDY/SERIES/IMAGE.dcm")


def _home(root: Path) -> Path:
    return next(iter(homes(root, (STUDIES, IMAGES))), root)


def _files(home: Path, split: str) -> list[Path]:
    return sorted((home / split).glob("*/*/*.dcm"))


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    studies, boxes = _studies(home), _boxes(home)
    for split in SPLITS:
        for film in _files(home, split):
            header = read_header(film)
            study = film.parent.parent.name
            appearance = studies.get(study) if split == "train" else None
            known = APPEARANCES[appearance] if appearance else (None, None, None)
            covid19, pneumonia, normal = known
            drawn = tuple(boxes.get(film.stem, ()))
            seen = drawn and appearance and appearance != "Negative for Pneumonia"
            yield SourceRecord(
                path=film.relative_to(root).as_posix(),
                patient_id=f"siim-covid19:{header.patient or study}",
                view=header.view,
                sex=header.sex,
                age=header.age,
                covid19=covid19,
                pneumonia=pneumonia,
                normal=normal,
                infection_truth="somewhere" if seen and covid19 else None,
                opacity_truth="somewhere" if seen else None,
                licence=LICENCE,
                official_split=split,
                boxes=drawn,
            )


def _studies(home: Path) -> dict[str, str]:
    """Appearance by study; a study with none or several has none."""
    found = {}
    for row in read_table(home / STUDIES, STUDY_COLUMNS) if (home / STUDIES).is_file() else ():
        given = [name for name in APPEARANCES if row[name] in ("1", "1.0")]
        if len(given) == 1:
            found[row["id"].removesuffix("_study")] = given[0]
    return found


def _boxes(home: Path) -> dict[str, list[Box]]:
    """Boxes by image, from cells such as "[{'x': 1.0, 'y': 2.0, 'width': 3.0, 'height': 4.0}]"."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in read_table(home / IMAGES, IMAGE_COLUMNS) if (home / IMAGES).is_file() else ():
        try:
            for box in ast.literal_eval(row["boxes"] or "[]"):
                x, y, width, height = (float(box[side]) for side in SIDES)
                image = row["id"].removesuffix("_image")
                boxes[image].append(Box("opacity", x, y, width, height))
        except (ValueError, SyntaxError, TypeError, KeyError) as error:
            raise UsageError(
                f"{home / IMAGES}: {row['id']}: expected a list of boxes, got {error!r}"
            ) from error
    return boxes


def check(root: Path) -> list[str]:
    """Findings: what is missing or damaged, films without labels, rows without films."""
    home = _home(root)
    findings = missing(home, ["train"], "no labelled films")
    findings += missing(home, ["test"], "no test films")
    findings += check_table(home / STUDIES, STUDY_COLUMNS, "no labels")
    findings += check_table(home / IMAGES, IMAGE_COLUMNS, "no boxes")
    try:
        studies, _ = _studies(home), _boxes(home)
        table = home / IMAGES
        rows = read_table(table, IMAGE_COLUMNS) if table.is_file() else []
    except UsageError as error:
        return findings + ([str(error)] if str(error) not in findings else [])
    films = _files(home, "train")
    if studies:
        bare = [film.stem for film in films if film.parent.parent.name not in studies]
        findings += some(bare, len(films), f"films have no appearance in {STUDIES}")
    listed = {row["id"].removesuffix("_image") for row in rows}
    here = {film.stem for film in films}
    if listed:
        findings += some(listed - here, len(listed), f"films that {IMAGES} lists are not on disk")
        findings += some(here - listed, len(here), f"films are not in {IMAGES}")
    return findings


SOURCE = Source(
    name="siim-covid19",
    title="SIIM-FISABIO-RSNA COVID-19 Detection 2021",
    films=6_334,
    size="129 GB",
    licence=LICENCE,
    url="https://www.kaggle.com/c/siim-covid19-detection",
    needs="a Kaggle account",
    citation="Lakhani et al., Journal of Digital Imaging 36, 2023, doi:10.1007/s10278-022-00706-8",
    layout="{train,test}/STUDY/SERIES/IMAGE.dcm, train_study_level.csv, train_image_level.csv",
    read=read,
    check=check,
)
