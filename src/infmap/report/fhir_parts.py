"""Parts of FHIR R4 resources: codings, identifiers, references and dates, from DICOM's."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from infmap.core.files import Json
from infmap.dicom import codes
from infmap.dicom.elements import items, text, values
from infmap.dicom.uids import uid_from
from infmap.dicom.values import repaired

Resource = dict[str, Json]
"""A resource, or a part of one, as JSON has it."""

SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "RADLEX": "http://www.radlex.org",
    "UCUM": "http://unitsofmeasure.org",
    # A private scheme has no address; an OID made of its name is one that is used for nothing else.
    codes.SCHEME: f"urn:oid:{uid_from('coding scheme', codes.SCHEME)}",
}
"""DICOM's coding scheme designator to FHIR's code system."""

RESEARCH: Resource = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HRESCH",
    "display": "healthcare research",
}
"""Purpose of use that every resource is labelled with: research, not treatment."""

UNKNOWN_REASON: Resource = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "unknown",
            "display": "Unknown",
        }
    ],
    "text": "Not measured",
}
"""Why an observation has no value: a figure that could not be measured is no zero."""

UNKNOWN: Resource = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}
"""What stands for an element that must be told and is not known."""

PICTURES = f"urn:oid:{uid_from('identifiers of pictures')}"
"""System of the identifiers that are made for the unknown patients of pictures."""

_UID_SYSTEM = "urn:dicom:uid"
# Letters that XML 1.0 does not have (its production 2).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d)([0-5]\d)", re.ASCII)


def coding(code: codes.Triple) -> Resource:
    """One coding."""
    value, scheme, meaning = code
    return {"system": SYSTEMS[scheme], "code": value, "display": meaning}


def concept(code: codes.Triple, text: str | None = None) -> Resource:
    """A CodeableConcept, with its equivalent in RadLex where it has one."""
    same = codes.EQUIVALENT.get(code)
    found: list[Json] = [coding(code)] if same is None else [coding(code), coding(same)]
    return {"coding": found, "text": text or code[2]}


def quantity(value: float, unit: codes.Triple) -> Resource:
    """A Quantity in a unit of UCUM."""
    return {"value": value, "unit": unit[2], "system": SYSTEMS["UCUM"], "code": unit[0]}


def uid_identifier(uid: str) -> Resource:
    """An Identifier that is a DICOM UID (FHIR R4, ImagingStudy, note on identifiers)."""
    return {"system": _UID_SYSTEM, "value": f"urn:oid:{uid}"}


def typed_identifier(kind: str, value: str, system: str = "", assigner: str = "") -> Resource:
    """An Identifier of HL7's table 0203, such as "MR" or "ACSN"; its system may be unknown."""
    made: Resource = {
        "type": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]
        },
        "value": value,
    }
    made |= {"system": system} if system else {"_system": UNKNOWN}
    return made | ({"assigner": {"display": assigner}} if assigner else {})


def issuer_system(source: Dataset, keyword: str) -> str:
    """The system of the identifiers of an issuer, as far as a film states it.

    Args:
        source: the film.
        keyword: of the sequence that names the issuer universally (PS3.3 10.14).

    Returns:
        A URI, made of an entity of type ISO, UUID or URI; "" for others and where none is stated.
    """
    for item in items(source, keyword):
        kind, found = text(item, "UniversalEntityIDType"), values(item, "UniversalEntityID")
        entity = str(found[0]).strip() if found else ""
        if kind == "ISO" and repaired("UI", entity):
            return f"urn:oid:{entity}"
        if kind == "UUID" and _UUID.fullmatch(entity):
            return f"urn:uuid:{entity.lower()}"
        if kind == "URI" and _URI.fullmatch(entity):
            return entity
    return ""


def narrative(lines: Iterable[str]) -> Resource:
    """A Narrative of one paragraph a line: XHTML, with nothing of a line taken for markup."""
    paragraphs = (f"<p>{html.escape(_NO_XML.sub(' ', line))}</p>" for line in lines)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(paragraphs)}</div>'
    return {"status": "generated", "div": div}


def id_from(*parts: str) -> str:
    """An id of a resource: the UUID that a UID made of the same parts has as its number."""
    return str(uuid.UUID(int=int(uid_from("fhir", *parts).removeprefix("2.25."))))


def reference(resource: Resource) -> Resource:
    """A reference to a resource of the same bundle."""
    return {"reference": f"urn:uuid:{resource['id']}", "type": resource["resourceType"]}


def date_of(header: Dataset, keyword: str) -> str | None:
    """A valid DA as a FHIR date; None without one."""
    day = repaired("DA", str(header.get(keyword) or ""))
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else None


def in_zone(source: Dataset, moment: datetime) -> datetime:
    """A moment with the film's time zone, where it has none itself and the film states one."""
    found = values(source, "TimezoneOffsetFromUTC")
    stated = _OFFSET.fullmatch(str(found[0]).strip()) if found else None
    if moment.tzinfo is not None or stated is None:
        return moment
    offset = timedelta(hours=int(stated[2]), minutes=int(stated[3]))
    # DICOM's range (PS3.3 C.12.1.1.1); beyond it the element says nothing.
    if not timedelta(0) <= offset <= timedelta(hours=14):
        return moment
    return moment.replace(tzinfo=timezone(offset if stated[1] == "+" else -offset))


def date_time(moment: datetime) -> str:
    """A FHIR dateTime: the day alone where the time zone is unknown, as FHIR demands one."""
    if moment.tzinfo is None:
        return moment.date().isoformat()
    return moment.isoformat(timespec="seconds")
