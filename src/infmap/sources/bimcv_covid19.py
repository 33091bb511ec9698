"""BIMCV-COVID19+ (de la Iglesia Vaya et al. 2020, arXiv:2006.01174), Valencia.

Publisher's layout, after unpacking all archives into one folder: covid19_posi/participants.tsv,
sub-S*/sub-S*_sessions.tsv, sub-S*/ses-E*/mod-rx/*_bp-chest_vp-{pa,ap,ll}_{cr,dx}.png, each with a
.json of its DICOM header, derivatives/labels/*labels_covid*.tsv (labels of the reports, one row per
session) and derivatives/EHR/sil_reg_covid_posi.tsv (tests).

All patients had a positive test at some time. A film shows COVID-19 where its report says so, or
where a test within two weeks of it was positive; elsewhere COVID-19 is unknown, never ruled out,
and so is which pneumonia a reported one is.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, homes, missing, some
from infmap.sources.record import SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Labels, Row, iso_date, read_table, sex, years

LICENCE = "BIMCV research use agreement"
PARTICIPANTS = "participants.tsv"
PARTICIPANT_COLUMNS = ("participant", "age", "gender")
LABEL_COLUMNS = ("ReportID", "Labels")
TEST_COLUMNS = ("participant", "date", "result")
LABELS, TESTS = "derivatives/labels", "derivatives/EHR"
VIEWS = {"pa": "PA", "ap": "AP", "ll": "LATERAL", "lat": "LATERAL"}
# Days: the longest incubation period that the WHO states.
WINDOW = 14


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film, lateral ones with their view; CT is left out.

    Raises:
        UsageError: no film in the publisher's layout below ``root``, or a damaged table.
    """
    return at_least_one(_films(root), f"{root}: expected sub-S*/ses-E*/mod-rx/*.png")


def _home(root: Path) -> Path:
    return next(iter(homes(root, (PARTICIPANTS, "derivatives"))), root)


def _files(home: Path) -> list[Path]:
    return sorted(home.glob("sub-*/ses-*/mod-rx/*.png"))


def _films(root: Path) -> Iterator[SourceRecord]:
    home = _home(root)
    people, reports, tests = _people(home), _reports(home), _tests(home)
    dates: dict[str, str | None] = {}
    patient = ""
    for film in _files(home):
        session, subject = film.parents[1].name, film.parents[2].name
        if subject != patient:
            patient, dates = subject, _dates(home, subject)
        person, day = people.get(subject, {}), dates.get(session)
        covid19, pneumonia, normal = _labels(reports.get(session), day, tests.get(subject, []))
        view = re.search(r"_vp-([a-z]+)", film.name)
        yield SourceRecord(
            path=film.relative_to(root).as_posix(),
            patient_id=f"bimcv-covid19:{subject}",
            study_date=day,
            view=VIEWS.get(view[1], view[1]) if view else None,
            sex=sex(person.get("gender", "")),
            age=_age(person.get("age", "")),
            covid19=covid19,
            pneumonia=pneumonia,
            normal=normal,
            licence=LICENCE,
        )


def _people(home: Path) -> dict[str, Row]:
    path = home / PARTICIPANTS
    rows = read_table(path, PARTICIPANT_COLUMNS) if path.is_file() else []
    return {row["participant"]: row for row in rows}


def _reports(home: Path) -> dict[str, set[str]]:
    """Labels by session; the table's name differs between the releases."""
    found: dict[str, set[str]] = {}
    # "labels_covid..." in one release, "Labels_covid..." in the other.
    for path in sorted((home / LABELS).glob("*abels_covid*.tsv")):
        for row in read_table(path, LABEL_COLUMNS):
            try:
                words = ast.literal_eval(row["Labels"] or "[]")
                found[row["ReportID"]] = {str(word).strip() for word in words}
            except (ValueError, SyntaxError, TypeError):
                continue  # some cells are cut off; those labels are unknown
    return found


def _tests(home: Path) -> dict[str, list[date]]:
    """Days of positive tests by patient."""
    found: dict[str, list[date]] = defaultdict(list)
    for path in sorted((home / TESTS).glob("sil_reg_covid*.tsv")):
        for row in read_table(path, TEST_COLUMNS):
            if row["result"].upper() == "POSITIVO":
                try:
                    day = datetime.strptime(row["date"], "%d.%m.%Y").date()
                except ValueError:
                    continue
                found[row["participant"]].append(day)
    return found


def _dates(home: Path, subject: str) -> dict[str, str | None]:
    """ISO date by session."""
    path = home / subject / f"{subject}_sessions.tsv"
    rows = read_table(path, ("session_id", "study_date")) if path.is_file() else []
    return {row["session_id"]: iso_date(row["study_date"]) for row in rows}


def _age(text: str) -> float | None:
    """Age of "[71]"; None of "[70, 71]", which does not say at which film."""
    # A patient seen over a birthday has two ages, and the table does not say which film is which.
    ages = set(re.findall(r"\d+", text))
    return years(ages.pop()) if len(ages) == 1 else None


def _labels(words: set[str] | None, day: str | None, positive: list[date]) -> Labels:
    """(covid19, pneumonia, normal) of a report's labels and the patient's positive tests."""
    near = day and any(abs((date.fromisoformat(day) - d).days) <= WINDOW for d in positive)
    normal = words == {"normal"}
    if near or (words and "COVID 19" in words):
        # A film near a positive test shows COVID-19 even where its report finds nothing: whether it
        # is normal by eye is then unknown.
        return True, False, None if normal or not words else False
    if not words:
        return None, None, None
    return None, False if normal else None, normal


def check(root: Path) -> list[str]:
    """Findings: what is missing or damaged, films without labels or date, films stored inverted."""
    home = _home(root)
    films = _files(home)
    findings = [] if films else ["sub-S*/ses-E*/mod-rx/*.png missing: no films"]
    findings += missing(home, [PARTICIPANTS], "no sex and age")
    findings += missing(home, [LABELS], "no labels of reports")
    findings += missing(home, [TESTS], "no tests")
    try:
        people, reports, _ = _people(home), _reports(home), _tests(home)
        subjects = sorted({film.parents[2].name for film in films})
        dated = {session for subject in subjects for session in _dates(home, subject)}
    except UsageError as error:
        return [*findings, str(error)]
    count = len(films)
    if people:
        strange = [film.name for film in films if film.parents[2].name not in people]
        findings += some(strange, count, f"films are of patients that {PARTICIPANTS} does not list")
        shown = {who for who, row in people.items() if re.search("CR|DX", _modality(row))}
        gone = shown - set(subjects)
        findings += some(gone, len(shown), f"patients with films by {PARTICIPANTS} have none here")
    if reports:
        bare = [film.name for film in films if film.parents[1].name not in reports]
        findings += some(bare, count, "films have no readable labels of a report")
    undated = [film.name for film in films if film.parents[1].name not in dated]
    findings += some(undated, count, "films have no date in their sub-S*_sessions.tsv")
    unnamed = [film.name for film in films if "_vp-" not in film.name]
    findings += some(unnamed, count, "films do not tell their view")
    inverted = [film.name for film in films if _inverted(film)]
    return findings + some(
        inverted, count, "films are MONOCHROME1 by their .json: bright is air in the .png"
    )


def _modality(row: Row) -> str:
    return row.get("modality_dicom", "")


def _inverted(film: Path) -> bool:
    try:
        return "MONOCHROME1" in film.with_suffix(".json").read_text(
            encoding="utf-8", errors="replace"
        )
    except OSError:
        return False


SOURCE = Source(
    name="bimcv-covid19",
    title="BIMCV-COVID19+",
    films=None,
    size=None,
    licence=LICENCE,
    url="https://bimcv.cipf.es/bimcv-projects/bimcv-covid19/",
    needs="accepting the research use agreement",
    citation="de la Iglesia Vaya et al. 2020, arXiv:2006.01174",
    layout="covid19_posi/{participants.tsv,sub-S*/sub-S*_sessions.tsv,sub-S*/ses-E*/mod-rx/*.png,"
    "derivatives/labels/*.tsv,derivatives/EHR/*.tsv}",
    read=read,
    check=check,
)
