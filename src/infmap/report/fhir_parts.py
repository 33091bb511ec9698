"""Parts of FHIR R4 resources: codings, identifiers, references and dates, from DICOM's."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from infmap.core.files import Json
from infmap.dicom import codes
from infmap.dicom.elements import values
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

_UID_SYSTEM = "urn:dicom:uid"
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


def typed_identifier(kind: str, value: str, assigner: str = "") -> Resource:
    """An Identifier of HL7's table 0203, such as "MR" or "ACSN", of an unknown system."""
    made: Resource = {
        "type": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]
        },
        "value": value,
    }
    return made | ({"assigner": {"display": assigner}} if assigner else {})


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
