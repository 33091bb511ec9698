"""Shenzhen chest films of tuberculosis (Jaeger et al. 2014), lung masks of Stirenko et al. 2018.

Publisher's layout: ChinaSet_AllFiles/CXR_png/NAME.png and ClinicalReadings/NAME.txt ("male 45yrs"
and the reading). CHNCXR_0001_0 is normal, ..._1 is not. The lung masks come apart, as mask/ or
masks/NAME_mask.png, for 566 films. A tuberculosis is no pneumonia in the sense of the labels, and
does not rule one out: unknown. COVID-19 is ruled out by the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, homes, missing, pictures, relative, some
from infmap.sources.record import SourceRecord
from infmap.sources.source import Download, Source
from infmap.sources.tables import years

LICENCE = "NLM: free use with citation"
PATTERN = re.compile(r"CHNCXR_(\d+)_([01])$")
MASKS = ("mask", "masks")
# Readings have "male 45yrs", "female, 33 yrs", "femal 24yrs", "male 16month", "male 20 days".
_READING = re.compile(r"(female?|male)\D*(\d+)\s*([ymd])?", re.IGNORECASE)


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    return at_least_one(
        _films(root), f"{root}: expected ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png and so on"
    )


def _home(root: Path) -> Path:
    return next(iter(homes(root, ("CXR_png",))), root)


def _mask_folder(root: Path) -> Path | None:
    """The folder of lung masks, beside the films or above them."""
    for folder in (_home(root), *_home(root).parents):
        for name in MASKS:
            if (folder / name).is_dir():
                return folder / name
        if folder == root:
            break
    return None


def _films(root: Path) -> Iterator[SourceRecord]:
    home, masks = _home(root), _mask_folder(root)
    for film in pictures(home / "CXR_png"):
        match = PATTERN.match(film.stem)
        if match is None:
            continue
        normal = match[2] == "0"
        sex, age = _reading(home, film.stem)
        yield SourceRecord(
            path=film.relative_to(root).as_posix(),
            patient_id=f"shenzhen:{match[1]}",
            view="PA",
            sex=sex,
            age=age,
            covid19=False,
            pneumonia=False if normal else None,
            normal=normal,
            lung_mask=relative(root, masks / f"{film.stem}_mask.png") if masks else None,
            licence=LICENCE,
        )


def _reading(home: Path, stem: str) -> tuple[str | None, float | None]:
    """(sex, age in years) of a clinical reading."""
    path = home / "ClinicalReadings" / f"{stem}.txt"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    match = _READING.search(text)
    if match is None:
        return None, None
    return match[1][0].upper(), years(match[2] + (match[3] or "y").upper())


def check(root: Path) -> list[str]:
    """Findings: what is missing, films without mask or reading, files that do not belong here."""
    home, masks = _home(root), _mask_folder(root)
    findings = missing(home, ["CXR_png"], "no films")
    findings += missing(home, ["ClinicalReadings"], "no sex and age")
    films = pictures(home / "CXR_png")
    known = {film.stem for film in films if PATTERN.match(film.stem)}
    if masks is None:
        findings.append("mask missing: no lung masks; they are published apart")
    else:
        drawn = {mask.stem.removesuffix("_mask") for mask in pictures(masks)}
        findings += some(known - drawn, len(known), "films have no lung mask")
        findings += some(drawn - known, None, "lung masks have no film")
    if (home / "ClinicalReadings").is_dir():
        unread = [stem for stem in known if _reading(home, stem) == (None, None)]
        findings += some(unread, len(known), "films have no clinical reading with sex and age")
    strange = [film.name for film in films if film.stem not in known]
    return findings + some(strange, None, "films are not named CHNCXR_*_0 or _1 and are not read")


SOURCE = Source(
    name="shenzhen",
    title="Shenzhen Hospital chest X-ray set",
    films=662,
    size="3.5 GB",
    licence=LICENCE,
    url="https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/"
    "Shenzhen-Hospital-CXR-Set/index.html",
    needs="nothing; lung masks: a Kaggle account "
    "(https://www.kaggle.com/datasets/yoctoman/shcxr-lung-mask)",
    citation="Jaeger et al., Quantitative Imaging in Medicine and Surgery 4, 2014, "
    "doi:10.3978/j.issn.2223-4292.2014.11.20; masks: Stirenko et al. 2018, arXiv:1803.01199",
    layout="ChinaSet_AllFiles/CXR_png/*.png, ClinicalReadings/*.txt, mask/*_mask.png",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://openi.nlm.nih.gov/imgs/collections/ChinaSet_AllFiles.zip",
            "ChinaSet_AllFiles.zip",
        ),
    ),
)
