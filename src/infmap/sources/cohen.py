"""COVID-19 Image Data Collection (Cohen et al. 2020, arXiv:2006.11988).

Layout: metadata.csv and images/ as in the repository, and what else is there of

- severity-scores.csv, in the repository annotations/covid-severity-scores.csv: geographic extent 0
  to 8 and opacity 0 to 6, means of three readers;
- brixia-scores.csv, from github.com/BrixIA: zones A to F 0 to 3 and global 0 to 18, by a senior (S)
  and a junior (J) radiologist;
- annotations/**/*.json: lungs that V7 drew, one Darwin JSON file a film, from
  github.com/v7labs/covid-19-xray-dataset.

Masks that a network made (annotations/lungVAE-masks) are not read. CT scans are no films.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, home, some, unexpected
from infmap.sources.record import Polygon, Score, SourceRecord
from infmap.sources.source import Download, Source
from infmap.sources.tables import (
    Row,
    check_films,
    check_table,
    described,
    films_listed,
    iso_date,
    read_table,
)

COLUMNS = ("patientid", "offset", "finding", "view", "folder", "filename", "license")
SEVERITY = ("severity-scores.csv", "annotations/covid-severity-scores.csv")
SEVERITY_COLUMNS = ("filename", "geographic_mean", "opacity_mean")
BRIXIA = ("brixia-scores.csv", "annotations/brixia-scores.csv")
READERS = {"S": "senior", "J": "junior"}
# Views of CT, which the collection holds beside films.
SLICES = ("Axial", "Coronal", "Sagittal")
FOLDERS = ("images", "annotations", "volumes", "docs", "scripts", "tests", "analysis")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film, frontal or lateral, that ``metadata.csv`` lists and that is there.

    Raises:
        UsageError: no metadata, none of its films, or a damaged table of scores.
    """
    return at_least_one(_films(root), f"{root}: expected the films that metadata.csv lists")


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = home(root, "metadata.csv")
    rows = read_table(folder / "metadata.csv", COLUMNS)
    scores = _scores(folder)
    lungs = _lungs(folder)
    for row, path in films_listed(folder, rows, _place):
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            patient_id=f"cohen:{row['patientid']}" if row["patientid"] else None,
            study_date=iso_date(row.get("date", "")),
            **described(row),
            licence=row["license"] or None,
            polygons=lungs.get(path.name, ()),
            scores=tuple(scores.get(path.name, ())),
        )


def _is_scan(row: Row) -> bool:
    return row.get("modality") == "CT" or row["view"] in SLICES


def _place(root: Path, row: Row) -> Path | None:
    if not row["filename"] or _is_scan(row):
        return None
    return root / (row["folder"] or "images") / row["filename"]


def _first(root: Path, names: tuple[str, ...]) -> Path:
    """The first of several places of a file that exists; where none does, the first."""
    return next((root / name for name in names if (root / name).is_file()), root / names[0])


def _scores(root: Path) -> dict[str, list[Score]]:
    """Readings by file name; a missing table holds none."""
    scores: dict[str, list[Score]] = {}
    if (table := _first(root, SEVERITY)).is_file():
        for row in read_table(table, SEVERITY_COLUMNS):
            for name, column in (("geographic_extent", "geographic"), ("opacity", "opacity")):
                _add(scores, row["filename"], name, "mean", row[f"{column}_mean"])
    if (table := _first(root, BRIXIA)).is_file():
        for row in read_table(table, ("filename",)):
            for column, text in row.items():
                letter, _, zone = column.partition("-")
                if letter in READERS and zone:
                    name = "brixia_global" if zone == "Global" else f"brixia_{zone}"
                    _add(scores, row["filename"], name, READERS[letter], text)
    return scores


def _add(scores: dict[str, list[Score]], film: str, name: str, reader: str, text: str) -> None:
    """Add a reading unless its cell is empty."""
    if text:
        try:
            value = float(text)
        except ValueError as error:
            raise UsageError(f"{film}: expected a number for {name}, got {text!r}") from error
        scores.setdefault(film, []).append(Score(name, reader, value))


def _lungs(root: Path) -> dict[str, tuple[Polygon, ...]]:
    """Outlines of the lungs by file name; a damaged file holds none, and ``check`` names it."""
    found = (_drawn(path) for path in _annotations(root))
    return {name: outlines for name, outlines in filter(None, found) if outlines}


def _annotations(root: Path) -> list[Path]:
    return sorted((root / "annotations").rglob("*.json"))


class Point(TypedDict):
    """A corner of an outline, film pixels."""

    x: float
    y: float


class DarwinPolygon(TypedDict, total=False):
    """Outlines of one region: of version 2, or the first and the others of version 1."""

    paths: list[list[Point]]
    path: list[Point]
    additional_paths: list[list[Point]]


def _drawn(path: Path) -> tuple[str, tuple[Polygon, ...]] | None:
    """File name of a film and its lungs, from a Darwin JSON file; None where it is none.

    Version 1 names the film in "image" and has one "path" a polygon, with "additional_paths";
    version 2 names it in "item" and has "paths".
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        image = content["image"] if "image" in content else content["item"]
        size = image if "width" in image else image["slots"][0]
        canvas = (int(size["width"]), int(size["height"]))
        name = image.get("original_filename") or image.get("filename") or image["name"]
        outlines = tuple(
            Polygon(tuple((float(p["x"]), float(p["y"])) for p in outline), "lungs", canvas)
            for drawn in content["annotations"]
            if drawn["name"] == "Lung" and "polygon" in drawn
            for outline in _outlines(drawn["polygon"])
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return str(name), outlines


def _outlines(polygon: DarwinPolygon) -> list[list[Point]]:
    if "paths" in polygon:
        return list(polygon["paths"])
    return [polygon["path"], *polygon.get("additional_paths", [])]


def check(root: Path) -> list[str]:
    """Findings: films missing or not listed, scans left out, scores and drawings without a film."""
    root = home(root, "metadata.csv")
    try:
        rows = read_table(root / "metadata.csv", COLUMNS)
    except UsageError:
        rows = []  # check_films says so
    names = {row["filename"] for row in rows}
    scans = [row["filename"] for row in rows if _is_scan(row)]
    findings = check_films(root, "metadata.csv", COLUMNS, _place, known=set(scans))
    findings += some(scans, None, "CT scans are no films and left out")
    findings += _check_scores(root, names)
    drawn = {path: _drawn(path) for path in _annotations(root)}
    damaged = [path.name for path, found in drawn.items() if found is None]
    findings += some(damaged, len(drawn), "files in annotations/ are no Darwin JSON")
    strange = [found[0] for found in drawn.values() if found and found[0] not in names]
    findings += some(strange, len(drawn), "drawings are of films that metadata.csv does not list")
    return findings + unexpected(root, FOLDERS)


def _check_scores(root: Path, names: set[str]) -> list[str]:
    findings = check_table(_first(root, SEVERITY), SEVERITY_COLUMNS, "no severity scores")
    findings += check_table(_first(root, BRIXIA), ("filename",), "no Brixia scores")
    try:
        strange = set(_scores(root)) - names
    except UsageError as error:
        return findings if str(error) in findings else [*findings, str(error)]
    return findings + some(strange, None, "scored films are not in metadata.csv")


SOURCE = Source(
    name="cohen",
    title="COVID-19 Image Data Collection",
    films=None,
    size=None,
    licence="per film in metadata.csv, often CC BY-NC-SA 4.0 or none stated; scores CC BY-SA and "
    "CC BY-NC-SA, V7's lungs CC BY 4.0",
    url="https://github.com/ieee8023/covid-chestxray-dataset",
    needs="nothing; Brixia scores: https://github.com/BrixIA/Brixia-score-COVID-19; V7's lungs: "
    "https://github.com/v7labs/covid-19-xray-dataset",
    citation="Cohen et al., COVID-19 Image Data Collection: Prospective Predictions Are the "
    "Future, 2020, arXiv:2006.11988",
    layout="metadata.csv, images/; if there: severity-scores.csv, brixia-scores.csv, "
    "annotations/**/*.json",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://github.com/ieee8023/covid-chestxray-dataset/archive/refs/heads/master.zip",
            "covid-chestxray-dataset-master.zip",
        ),
    ),
)
