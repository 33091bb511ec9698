"""COVID-CXNet (Haghanifar et al. 2022, arXiv:2006.13807), films collected from publications.

Publisher's layout: chest_xray_images/covid19/NAME and metadata.csv, which has patient, sex, age,
view and days since first symptoms or admission of some films. The normal films that the author
sends on request lie in chest_xray_images/normal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.files import PICTURES, at_least_one, homes, missing, pictures, some
from infmap.sources.record import SourceRecord
from infmap.sources.source import Download, Source
from infmap.sources.tables import Labels, Row, labels, read_table, sex, whole_number, years

LICENCE = "repository MIT; each film as where it was published (url in metadata.csv)"
COLUMNS = ("filename", "patient_id", "sex", "age", "view", "label")
CLASSES: dict[str, Labels] = {"covid19": (True, False, False), "normal": (False, False, True)}
TYPES = (*PICTURES, ".jfif", ".webp")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film; where ``metadata.csv`` does not list it, its folder labels it.

    Raises:
        UsageError: no film in the publisher's layout below ``root``, or a damaged table.
    """
    return at_least_one(_films(root), f"{root}: expected chest_xray_images/covid19")


def _home(root: Path) -> Path:
    """The repository's folder, which an archive of it nests."""
    return next(iter(homes(root, ("chest_xray_images",))), root)


def _rows(home: Path) -> dict[str, Row]:
    table = home / "metadata.csv"
    return {row["filename"]: row for row in read_table(table, COLUMNS)} if table.is_file() else {}


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    rows = _rows(home)
    for kind, known in CLASSES.items():
        for film in pictures(home / "chest_xray_images" / kind, TYPES):
            # The table lists films of covid19/ alone; a normal film may have the same file name.
            row = rows.get(film.name, {}) if kind == "covid19" else {}
            covid19, pneumonia, normal = labels(row["label"]) if row.get("label") else known
            patient = row.get("patient_id")
            yield SourceRecord(
                path=film.relative_to(root).as_posix(),
                name=f"{kind}-{film.name}",
                patient_id=f"covid-cxnet:{patient}" if patient else None,
                offset_days=_offset(row),
                view=row.get("view") or None,
                sex=sex(row.get("sex", "")),
                age=years(row.get("age", "")),
                covid19=covid19,
                pneumonia=pneumonia,
                normal=normal,
                licence=LICENCE,
            )


def _offset(row: Row) -> int | None:
    """Days since first symptoms, else since admission."""
    return whole_number(row.get("symptom_offset") or row.get("admission_offset") or "")


def check(root: Path) -> list[str]:
    """Findings: what is missing, listed and not on disk, or on disk and not listed."""
    home = _home(root)
    films = {film.name for film in pictures(home / "chest_xray_images" / "covid19", TYPES)}
    findings = missing(home, ["chest_xray_images/covid19"], "no films")
    findings += missing(home, ["metadata.csv"], "no patients, views and days")
    try:
        rows = _rows(home)
    except UsageError as error:
        return [*findings, str(error)]
    if rows:
        findings += some(
            rows.keys() - films, len(rows), "films that metadata.csv lists are not on disk"
        )
        findings += some(
            films - rows.keys(), len(films), "films are not in metadata.csv: no patient is known"
        )
    return findings


SOURCE = Source(
    name="covid-cxnet",
    title="COVID-CXNet",
    films=None,
    size=None,
    licence=LICENCE,
    url="https://github.com/armiro/COVID-CXNet",
    needs="nothing for the COVID-19 films; the author sends the normal ones on request",
    citation="Haghanifar et al., Multimedia Tools and Applications 81, 2022, "
    "doi:10.1007/s11042-022-12156-z",
    layout="chest_xray_images/covid19/NAME, metadata.csv; chest_xray_images/normal where given",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://github.com/armiro/COVID-CXNet/archive/refs/heads/master.zip",
            "COVID-CXNet-master.zip",
        ),
    ),
)
