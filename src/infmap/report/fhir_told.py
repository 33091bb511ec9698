"""What a film tells a FHIR bundle of its times, its issuers and its patient's names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from infmap.core.files import Json
from infmap.dicom.moment import UNKNOWN, film_moment, study_moment
from infmap.report.fhir_parts import Resource, date_time, in_zone, issuer_system


@dataclass(frozen=True)
class Told:
    """What the film tells beside its valid header.

    Attributes:
        film: when the film was made; None where it is not known.
        made: when the report was made; None where it is not known.
        study: when the study began; None where it is not known.
        patients: system of the patients' identifiers, "" where it is not known.
        orders: system of the accession numbers.
    """

    film: datetime | None
    made: datetime | None
    study: datetime | None
    patients: str
    orders: str

    @staticmethod
    def of(source: Dataset, when: datetime | None) -> Told:
        """Read a film.

        Args:
            source: the film, with or without pixels.
            when: when the report is made; the film's time without it.
        """
        film = film_moment(source)
        return Told(
            film=_zoned(source, film),
            made=_zoned(source, when or film),
            study=_zoned(source, study_moment(source)),
            patients=issuer_system(source, "IssuerOfPatientIDQualifiersSequence"),
            orders=issuer_system(source, "IssuerOfAccessionNumberSequence"),
        )


def _zoned(source: Dataset, moment: datetime) -> datetime | None:
    return None if moment == UNKNOWN else in_zone(source, moment)


def day_or_time(moment: datetime | None) -> Json:
    """As FHIR has it; None where it is not known."""
    return None if moment is None else date_time(moment)


def names_of(header: Dataset) -> Json:
    """The name in each of its writings: family, given, middle, prefix and suffix (PS3.5 6.2.1)."""
    found: list[Json] = []
    for group in str(header.PatientName or "").split("="):
        family, given, middle, prefix, suffix = (group.split("^") + [""] * 4)[:5]
        parts: dict[str, list[str]] = {
            "given": [*given.split(), *middle.split()],
            "prefix": prefix.split(),
            "suffix": suffix.split(),
        }
        name: Resource = {key: [*words] for key, words in parts.items() if words}
        if family.strip():
            name["family"] = family.strip()
        if name:
            found.append(name)
    return found or None
