"""Montgomery County chest films of tuberculosis screening (Jaeger et al. 2014).

Publisher's layout: MontgomerySet/{CXR_png,ManualMask/leftMask,ManualMask/rightMask}/NAME.png and
ClinicalReadings/NAME.txt with sex, age and the reading. MCUCXR_0001_0 is normal, ..._1 is not. A
tuberculosis is no pneumonia in the sense of the labels, and does not rule one out: unknown.
COVID-19 is ruled out by the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, homes, missing, pictures, some
from infmap.sources.headers import picture_size
from infmap.sources.record import MaskCrop, SourceRecord
from infmap.sources.source import Download, Source
from infmap.sources.tables import sex, years

LICENCE = "NLM: free use with citation"
SIDES = ("leftMask", "rightMask")
PATTERN = re.compile(r"MCUCXR_(\d+)_([01])$")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film; its lungs are two crops of the film's size.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    return at_least_one(
        _films(root), f"{root}: expected MontgomerySet/CXR_png/MCUCXR_0001_0.png and so on"
    )


def _home(root: Path) -> Path:
    return next(iter(homes(root, ("CXR_png", "ManualMask"))), root)


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    for film in pictures(home / "CXR_png"):
        match = PATTERN.match(film.stem)
        if match is None:
            continue
        normal = match[2] == "0"
        text = _reading(home, film.stem)
        yield SourceRecord(
            path=film.relative_to(root).as_posix(),
            patient_id=f"montgomery:{match[1]}",
            view="PA",
            sex=sex(_after(r"Sex:\s*(\w+)", text)),
            age=years(_after(r"Age:\s*(\w+)", text)),
            covid19=False,
            # Tuberculosis may look like pneumonia; absent is not negative.
            pneumonia=False if normal else None,
            normal=normal,
            licence=LICENCE,
            crops=_lungs(root, home, film.name),
        )


def _reading(home: Path, stem: str) -> str:
    path = home / "ClinicalReadings" / f"{stem}.txt"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _after(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def _lungs(root: Path, home: Path, name: str) -> tuple[MaskCrop, ...]:
    """Both lungs, or nothing where a side is missing: half the lungs would be a wrong mask."""
    crops = []
    for side in SIDES:
        path = home / "ManualMask" / side / name
        size = picture_size(path)
        if size is None:
            return ()
        crops.append(MaskCrop(path.relative_to(root).as_posix(), "lungs", 0, 0, size))
    return tuple(crops)


def check(root: Path) -> list[str]:
    """Findings: what is missing, films without masks or reading, files that do not belong here."""
    home = _home(root)
    findings = missing(home, ["CXR_png"], "no films")
    findings += missing(home, [f"ManualMask/{side}" for side in SIDES], "no lung masks")
    findings += missing(home, ["ClinicalReadings"], "no sex and age")
    films = pictures(home / "CXR_png")
    known = [film for film in films if PATTERN.match(film.stem)]
    count = len(known)
    for side in SIDES if (home / "ManualMask").is_dir() else ():
        bare = [film.name for film in known if picture_size(home / "ManualMask" / side / film.name)]
        findings += some({f.name for f in known} - set(bare), count, f"films have no {side}")
    if (home / "ClinicalReadings").is_dir():
        unread = [film.name for film in known if not _reading(home, film.stem)]
        findings += some(unread, count, "films have no clinical reading")
    strange = [film.name for film in films if film not in known]
    return findings + some(strange, None, "films are not named MCUCXR_*_0 or _1 and are not read")


SOURCE = Source(
    name="montgomery",
    title="Montgomery County chest X-ray set",
    films=138,
    size="0.6 GB",
    licence=LICENCE,
    url="https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/"
    "Montgomery-County-CXR-Set/MontgomerySet/index.html",
    needs="nothing",
    citation="Jaeger et al., Quantitative Imaging in Medicine and Surgery 4, 2014, "
    "doi:10.3978/j.issn.2223-4292.2014.11.20",
    layout="MontgomerySet/CXR_png/*.png, ManualMask/{leftMask,rightMask}/*.png, "
    "ClinicalReadings/*.txt",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://openi.nlm.nih.gov/imgs/collections/NLM-MontgomeryCXRSet.zip",
            "NLM-MontgomeryCXRSet.zip",
        ),
    ),
)
