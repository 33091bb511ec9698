"""Tests of `infmap.report.fhir_parts`."""

from __future__ import annotations

import re
import uuid
import warnings
from datetime import UTC, datetime

import pytest
from pydicom.dataset import Dataset

from infmap.dicom import codes
from infmap.report.fhir_parts import (
    SYSTEMS,
    concept,
    date_of,
    date_time,
    id_from,
    in_zone,
    issuer_system,
    narrative,
    typed_identifier,
    uid_identifier,
)

NOON = datetime(2026, 1, 2, 12, 30, 5)


def test_every_code_of_the_report_has_a_system() -> None:
    triples = [v for v in vars(codes).values() if isinstance(v, tuple) and len(v) == 3]
    triples += list(codes.GRADE_CODES.values())
    schemes = {t[1] for t in triples if isinstance(t[1], str)} - {"RFC5646"}
    assert len(triples) > 20 and schemes <= set(SYSTEMS)
    assert all(re.match("(http|urn:oid:2.25.)", address) for address in SYSTEMS.values())


def test_a_concept_goes_along_with_its_equivalent() -> None:
    made = concept(codes.OPACITY)
    assert [c["code"] for c in made["coding"]] == ["112001", "RID28530"]
    assert concept(codes.COVID19, "said so")["text"] == "said so"


def test_ids_are_uuids_of_what_they_stand_for() -> None:
    assert id_from("a", "b") == id_from("a", "b") != id_from("ab")
    assert str(uuid.UUID(id_from("a"))) == id_from("a")


def test_identifiers() -> None:
    assert uid_identifier("1.2.3") == {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}
    assert typed_identifier("MR", "7", assigner="A")["assigner"] == {"display": "A"}
    assert "_system" in typed_identifier("MR", "7")
    assert typed_identifier("MR", "7", "urn:oid:1.2")["system"] == "urn:oid:1.2"
    assert "assigner" not in typed_identifier("MR", "7")


def test_a_day_is_told_where_the_time_zone_is_unknown() -> None:
    assert date_time(NOON) == "2026-01-02"
    assert date_time(NOON.replace(tzinfo=UTC)) == "2026-01-02T12:30:05+00:00"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("-0330", "-03:30"), ("+0100", "+01:00"), ("+1500", ""), ("nonsense", ""), ("", "")],
)
def test_the_film_states_its_zone(stated: str, expected: str) -> None:
    film = Dataset()
    film.TimezoneOffsetFromUTC = stated
    told = date_time(in_zone(film, NOON))
    assert told == ("2026-01-02T12:30:05" + expected if expected else "2026-01-02")
    assert in_zone(film, NOON.replace(tzinfo=UTC)).tzinfo is UTC


def test_invalid_dates_are_none() -> None:
    film = Dataset()
    film.PatientBirthDate = "19700203"
    assert date_of(film, "PatientBirthDate") == "1970-02-03"
    film["PatientBirthDate"]._value = "1970"
    assert date_of(film, "PatientBirthDate") is None
    assert date_of(film, "StudyDate") is None


@pytest.mark.parametrize(
    ("kind", "entity", "system"),
    [
        ("ISO", "1.2.3", "urn:oid:1.2.3"),
        ("iso", "1.2.3 ", "urn:oid:1.2.3"),
        ("ISO", "1.02.3", ""),
        ("URI", "https://hospital.example/ids", "https://hospital.example/ids"),
        ("URI", "not one <", ""),
        (
            "UUID",
            "0B1E3C00-0000-4000-8000-00000000000A",
            "urn:uuid:0b1e3c00-0000-4000-8000-00000000000a",
        ),
        ("DNS", "hospital.example", ""),
        ("", "1.2.3", ""),
    ],
)
def test_a_system_is_what_the_issuer_is_named_by(kind: str, entity: str, system: str) -> None:
    film, issuer = Dataset(), Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is named wrongly is part of the test
        issuer.UniversalEntityIDType, issuer.UniversalEntityID = kind, entity
    film.IssuerOfPatientIDQualifiersSequence = [issuer]
    assert issuer_system(film, "IssuerOfPatientIDQualifiersSequence") == system
    assert issuer_system(film, "IssuerOfAccessionNumberSequence") == ""


def test_a_narrative_has_no_markup_of_its_lines() -> None:
    div = narrative(["a < b & \x00\ud800c"])["div"]
    assert div == '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &lt; b &amp;   c</p></div>'
