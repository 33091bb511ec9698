"""What the system says of a film as FHIR R4 resources, after HL7's "DICOM SR to FHIR".

The groups and figures are those of the structured report: both are made of
``infmap.dicom.findings``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from pydicom.dataset import Dataset

from infmap.core.files import Json
from infmap.core.types import Prediction
from infmap.dicom import codes
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    device_of,
    guarded,
    identity_of,
    tracking_of,
    version_of,
)
from infmap.dicom.findings import Figure, Group, findings
from infmap.dicom.header import film_header
from infmap.dicom.moment import UNKNOWN, film_moment
from infmap.dicom.sr_text import comments
from infmap.dicom.uids import uid_from
from infmap.report.fhir_parts import (
    RESEARCH,
    SYSTEMS,
    Resource,
    concept,
    date_of,
    date_time,
    id_from,
    in_zone,
    quantity,
    reference,
    typed_identifier,
    uid_identifier,
)

GENDERS = {"M": "male", "F": "female", "O": "other"}
_TERMS = "http://terminology.hl7.org/CodeSystem"
_GROUP = ("125007", "DCM", "Measurement Group")
_SITE = "http://hl7.org/fhir/StructureDefinition/bodySite"
"""R4's extension that refers to a BodyStructure: a code alone has no laterality."""


def fhir_bundle(
    source: Dataset, prediction: Prediction, *, when: datetime | None = None
) -> dict[str, Json]:
    """Make one transaction Bundle of one film.

    It holds Patient, Device, ImagingStudy, one BodyStructure a place, one Observation a
    measurement group with one for each of its measurements and evaluations as members, the
    DiagnosticReport and its Provenance. Status and texts are those of the structured report:
    neither final nor verified, research use only.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        when: date and time of the report; the film's without it. Without a time zone, of its own
            or stated by the film, days are told and no times: FHIR has no local time.

    Returns:
        JSON's values. Ids are made of UIDs, so the same film gives the same bundle, and to send
        it twice changes nothing: each resource is put to its id.

    Raises:
        UnreadableFilm: the film's header is damaged.
    """
    with guarded("a DICOM film to report on"):
        header = film_header(source, prediction.radiograph.sha256).dataset
        moment = when or film_moment(source)
        known = None if moment == UNKNOWN else in_zone(source, moment)
        resources = _Film(header, prediction, known).resources()
    entries: list[Json] = [
        {
            "fullUrl": f"urn:uuid:{resource['id']}",
            "resource": resource,
            "request": {
                "method": "PUT",
                "url": f"{resource['resourceType']}/{resource['id']}",
            },
        }
        for resource in resources
    ]
    return {
        "resourceType": "Bundle",
        "id": id_from("bundle", *identity_of(header, prediction)),
        "meta": {"security": [RESEARCH]},
        "type": "transaction",
        "entry": entries,
    }


def fhir_json(source: Dataset, prediction: Prediction, *, when: datetime | None = None) -> bytes:
    """The bytes of ``fhir_bundle``: UTF-8, the same for the same film."""
    bundle = fhir_bundle(source, prediction, when=when)
    return (json.dumps(bundle, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


@dataclass
class _Film:
    """The resources of one film; those that others refer to are made first."""

    header: Dataset
    p: Prediction
    moment: datetime | None
    sites: dict[tuple[codes.Triple, codes.Triple], Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = identity_of(self.header, self.p)
        self.patient = self._patient()
        self.device = self._device()
        self.study = self._study()

    def resources(self) -> list[Resource]:
        """All of them; what is referred to comes before what refers to it."""
        groups: list[Resource] = []
        members: list[Resource] = []
        for group in findings(self.p):
            parts = self._members(group)
            members += parts
            groups.append(self._group(group, parts))
        report = self._report(groups)
        observed = [*self.sites.values(), *members, *groups]
        about = self._provenance([report, *groups, *members])
        return [self.patient, self.device, self.study, *observed, report, about]

    def _made(self, kind: str, *parts: str, **elements: Json) -> Resource:
        """A resource; what is None is left out, as FHIR has no null."""
        resource: Resource = {"resourceType": kind, "id": id_from(kind, *parts)}
        resource["meta"] = {"security": [RESEARCH]}
        return resource | {key: value for key, value in elements.items() if value is not None}

    def _patient(self) -> Resource:
        h = self.header
        number, issuer = str(h.PatientID or ""), str(h.get("IssuerOfPatientID") or "")
        # Without an identifier no two are known to be the same: a patient for each study.
        who = (number, issuer) if number else (str(h.StudyInstanceUID),)
        return self._made(
            "Patient",
            *who,
            identifier=[typed_identifier("MR", number, issuer)] if number else None,
            name=_names(h),
            gender=GENDERS.get(str(h.PatientSex or "")),
            birthDate=date_of(h, "PatientBirthDate"),
        )

    def _device(self) -> Resource:
        p = self.p
        uid = device_of(p)
        return self._made(
            "Device",
            uid,
            version_of(),
            identifier=[uid_identifier(uid)],
            manufacturer=MAKER,
            serialNumber=f"SHA-256 {p.model_sha256}" if p.model_sha256 else None,
            deviceName=[{"name": p.model, "type": "model-name"}],
            version=[{"value": version_of()}],
            note=[{"text": NOTICE}],
        )

    def _study(self) -> Resource:
        h = self.header
        accession = str(h.AccessionNumber or "")
        named = [typed_identifier("ACSN", accession)] if accession else []
        film: Resource = {
            "uid": str(h.SOPInstanceUID),
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{h.SOPClassUID}"},
        }
        series: Resource = {
            "uid": str(h.SeriesInstanceUID),
            "modality": {"system": SYSTEMS["DCM"], "code": str(h.Modality)},
            "instance": [film],
        }
        # The film is part of the id: it tells of its own series alone, and must not replace what
        # another film of the study told.
        return self._made(
            "ImagingStudy",
            str(h.StudyInstanceUID),
            str(h.SOPInstanceUID),
            identifier=[uid_identifier(str(h.StudyInstanceUID)), *named],
            status="available",
            subject=reference(self.patient),
            started=date_of(h, "StudyDate"),
            procedureCode=[concept(codes.CHEST_XRAY)],
            series=[series],
        )

    def _site(self, group: Group) -> Resource:
        """Reference to a place with its side, which is made when first met."""
        place = group.site, group.side
        if place not in self.sites:
            self.sites[place] = self._made(
                "BodyStructure",
                str(self.patient["id"]),
                *(code[0] for code in place),
                location=concept(group.site),
                locationQualifier=[concept(group.side)],
                patient=reference(self.patient),
            )
        return reference(self.sites[place])

    def _observation(self, group: Group, what: str, **elements: Json) -> Resource:
        accession = str(self.header.AccessionNumber or "")
        order: Json = (
            [{"type": "ServiceRequest", "identifier": typed_identifier("ACSN", accession)}]
            if accession
            else None
        )
        site: Resource = concept(group.site, f"{group.site[2]}, {group.side[2].lower()}")
        site["extension"] = [{"url": _SITE, "valueReference": self._site(group)}]
        return self._made(
            "Observation",
            *self.identity,
            group.label,
            what,
            basedOn=order,
            # DICOM's preliminary: no person has verified it.
            status="preliminary",
            subject=reference(self.patient),
            effectiveDateTime=self._when(),
            bodySite=site,
            device=reference(self.device),
            derivedFrom=[reference(self.study)],
            note=[{"text": NOTICE}],
            **elements,
        )

    def _group(self, group: Group, members: list[Resource]) -> Resource:
        uid = tracking_of(self.header, self.p.model, group.label)
        return self._observation(
            group,
            "group",
            identifier=[uid_identifier(uid)],
            category=[_IMAGING, concept(_GROUP)],
            code=concept(_GROUP, group.label),
            # Opacity where there is any; a place that was only searched has no finding.
            valueCodeableConcept=concept(codes.OPACITY) if group.opaque else None,
            hasMember=[reference(member) for member in members],
        )

    def _members(self, group: Group) -> list[Resource]:
        measured = [self._measurement(group, figure) for figure in group.figures]
        return measured + [
            self._observation(
                group,
                f"{name[0]} {value[0]}",
                category=[_IMAGING],
                code=concept(name),
                valueCodeableConcept=concept(value),
            )
            for name, value in group.evaluations
        ]

    def _measurement(self, group: Group, figure: Figure) -> Resource:
        return self._observation(
            group,
            figure.name[0],
            category=[_IMAGING],
            code=concept(figure.name),
            valueQuantity=quantity(figure.value, figure.unit),
            method=concept(figure.method),
        )

    def _report(self, groups: list[Resource]) -> Resource:
        return self._made(
            "DiagnosticReport",
            *self.identity,
            identifier=[uid_identifier(uid_from("fhir report", *self.identity))],
            # FHIR's preliminary is of verified results; partial is of what may be unverified.
            status="partial",
            category=[
                {"coding": [{"system": f"{_TERMS}/v2-0074", "code": "RAD", "display": "Radiology"}]}
            ],
            code=concept(codes.REPORT),
            subject=reference(self.patient),
            effectiveDateTime=self._when(),
            result=[reference(group) for group in groups],
            imagingStudy=[reference(self.study)],
            conclusion="\n".join(comments(self.p, self.header)),
        )

    def _provenance(self, made: list[Resource]) -> Resource:
        zoned = self.moment is not None and self.moment.tzinfo is not None
        unknown: Resource = {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                    "valueCode": "unknown",
                }
            ]
        }
        author: Json = {
            "coding": [{"system": f"{_TERMS}/provenance-participant-type", "code": "assembler"}]
        }
        return self._made(
            "Provenance",
            *self.identity,
            target=[reference(resource) for resource in made],
            # An instant has a time zone, and must be told or said to be unknown.
            recorded=self._when() if zoned else None,
            _recorded=None if zoned else unknown,
            agent=[{"type": author, "who": reference(self.device)}],
            entity=[{"role": "source", "what": reference(self.study)}],
        )

    def _when(self) -> Json:
        return None if self.moment is None else date_time(self.moment)


_IMAGING: Resource = {
    "coding": [{"system": f"{_TERMS}/observation-category", "code": "imaging"}],
    "text": "Imaging",
}


def _names(header: Dataset) -> Json:
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
