"""Chest films of children of one to five years, Guangzhou (Kermany et al. 2018).

Publisher's layout: chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/NAME.jpeg; the original has no
val. Names give the patient: person12_bacteria_34, IM-0115-0001, NORMAL2-IM-0059-0001, and
BACTERIA-1008087-0001 in the later version. COVID-19 is ruled out by the year of publication.
Readers graded the films themselves, so that a pneumonia is an opacity somewhere in the lungs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, homes, pictures, some
from infmap.sources.record import SourceRecord
from infmap.sources.source import Download, Source

LICENCE = "CC BY 4.0"
SPLITS = ("train", "val", "test")
CLASSES = ("NORMAL", "PNEUMONIA")
_PATIENT = re.compile(r"(person\d+)_|((?:NORMAL\d*-)?IM-\d+)-|((?:BACTERIA|VIRUS|NORMAL)-\d+)-")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    return at_least_one(
        _films(root), f"{root}: expected chest_xray/{{train,val,test}}/{{NORMAL,PNEUMONIA}}"
    )


def _home(root: Path) -> Path:
    """The folder of the splits; one that nests a second copy of all films is read once."""
    groups = [f"{split}/{kind}" for split in SPLITS for kind in CLASSES]
    # The archive holds chest_xray/chest_xray with the same films once more.
    return min(homes(root, groups), key=lambda home: len(home.parts), default=root)


def _patient(name: str) -> str | None:
    match = _PATIENT.match(name)
    return f"kermany:{match[match.lastindex or 0]}" if match else None


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    for split in SPLITS:
        for kind in CLASSES:
            for film in pictures(home / split / kind):
                yield SourceRecord(
                    path=film.relative_to(root).as_posix(),
                    name=f"{split}-{film.name}",
                    patient_id=_patient(film.name),
                    # Stated for the whole collection by its authors (Kermany et al. 2018).
                    view="AP",
                    covid19=False,
                    pneumonia=kind == "PNEUMONIA",
                    normal=kind == "NORMAL",
                    opacity_truth="somewhere" if kind == "PNEUMONIA" else None,
                    licence=LICENCE,
                    official_split=split,
                )


def check(root: Path) -> list[str]:
    """Findings: folders that are missing, names without a patient, patients in several splits."""
    home = _home(root)
    findings, films = [], []
    splits: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for kind in CLASSES:
            here = pictures(home / split / kind)
            films += here
            if not here and split != "val":
                findings.append(f"{split}/{kind} missing: no films of it")
            for film in here:
                splits[_patient(film.name) or ""].add(split)
    odd = [film.name for film in films if _patient(film.name) is None]
    several = [who for who, where in splits.items() if who and len(where) > 1]
    findings += some(odd, len(films), "film names give no patient")
    findings += some(several, None, "patients stand in several of train, val and test")
    if (home / "chest_xray").is_dir():
        findings.append("unexpected folder chest_xray in chest_xray: a second copy, not read")
    return findings


SOURCE = Source(
    name="kermany",
    title="Chest X-Ray Images (Pneumonia), children",
    films=5_856,
    size="1.2 GB",
    licence=LICENCE,
    url="https://data.mendeley.com/datasets/rscbjbr9sj/2",
    needs="nothing",
    citation="Kermany et al., Cell 172, 2018, doi:10.1016/j.cell.2018.02.010",
    layout="chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
            "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded",
            "ChestXRay2017.zip",
        ),
    ),
)
