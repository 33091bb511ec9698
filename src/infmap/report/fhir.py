"""What the system says of a film as FHIR R4 resources, after HL7's "DICOM SR to FHIR".

The groups and figures are those of the structured report: both are made of
``infmap.dicom.findings``.
"""

from __future__ import annotations

import json
import math
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
from infmap.dicom.plain_film import picture_patient
from infmap.dicom.sr_text import comments
from infmap.dicom.uids import uid_from
from infmap.report.fhir_parts import (
    PICTURES,
    RESEARCH,
    SYSTEMS,
    UNKNOWN,
    UNKNOWN_REASON,
    Resource,
    coding,
    concept,
    date_of,
    date_time,
    id_from,
    narrative,
    quantity,
    reference,
    typed_identifier,
    uid_identifier,
)
from infmap.report.fhir_told import Told, day_or_time, names_of

GENDERS = {"M": "male", "F": "female", "O": "other"}
_TERMS = "http://terminology.hl7.org/CodeSystem"
_GROUP = ("125007", "DCM", "Measurement Group")
_SITE = "http://hl7.org/fhir/StructureDefinition/bodySite"
"""R4's extension that refers to a BodyStructure: a code alone has no laterality."""
_SIDED = {
    codes.RIGHT: ("3341006", "SCT", "Right lung structure"),
    codes.LEFT: ("44029006", "SCT", "Left lung structure"),
    codes.RIGHT_AND_LEFT: ("74101002", "SCT", "Both lungs"),
}
"""Codes of lungs with their side, for readers that do not know the extension."""


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
        when: date and time at which the report is made; the film's without it. What is observed
            is of the film's time in any case. Without a time zone, of its own or stated by the
            film, days are told and no times: FHIR has no local time.

    Returns:
        JSON's values. Ids are made of UIDs, so the same film gives the same bundle, and to send
        it twice changes nothing: each resource is put to its id.

    Raises:
        UnreadableFilm: the film's header is damaged.
    """
    with guarded("a DICOM film to report on"):
        header = film_header(source, prediction.radiograph.sha256).dataset
        resources = _Film(header, prediction, Told.of(source, when)).resources()
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
    told: Told
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
        for group in findings(self.p, unmeasured=True):
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
        who = (number, self.told.patients or issuer) if number else (str(h.StudyInstanceUID),)
        named = typed_identifier("MR", number, self.told.patients, issuer)
        if number == picture_patient(self.p.radiograph.sha256):  # no hospital gave that number
            named = {"system": PICTURES, "value": number}
        return self._made(
            "Patient",
            *who,
            identifier=[named] if number else None,
            name=names_of(h),
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
        named = [self._accession()] if h.AccessionNumber else []
        modality: Resource = {"system": SYSTEMS["DCM"], "code": str(h.Modality)}
        film: Resource = {
            "uid": str(h.SOPInstanceUID),
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{h.SOPClassUID}"},
        }
        series: Resource = {
            "uid": str(h.SeriesInstanceUID),
            "modality": modality,
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
            modality=[modality],
            subject=reference(self.patient),
            started=day_or_time(self.told.study),
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

    def _accession(self) -> Resource:
        return typed_identifier("ACSN", str(self.header.AccessionNumber), self.told.orders)

    def _order(self) -> Json:
        """What the film was ordered with: accession numbers name a filler's request."""
        if not self.header.AccessionNumber:
            return None
        return [{"type": "ServiceRequest", "identifier": self._accession()}]

    def _observation(self, group: Group, what: str, said: str, **elements: Json) -> Resource:
        place = f"{group.site[2]}, {group.side[2].lower()}"
        site: Resource = concept(group.site, place)
        if group.site == codes.LUNG:
            site["coding"] = [coding(group.site), coding(_SIDED[group.side])]
        site["extension"] = [{"url": _SITE, "valueReference": self._site(group)}]
        return self._made(
            "Observation",
            *self.identity,
            group.label,
            what,
            text=narrative([f"{group.label}: {said}", place, NOTICE]),
            basedOn=self._order(),
            # DICOM's preliminary: no person has verified it.
            status="preliminary",
            subject=reference(self.patient),
            effectiveDateTime=day_or_time(self.told.film),
            issued=self._instant(),
            bodySite=site,
            device=reference(self.device),
            derivedFrom=[reference(self.study)],
            note=[{"text": NOTICE}],
            **elements,
        )

    def _group(self, group: Group, members: list[Resource]) -> Resource:
        uid = tracking_of(self.header, self.p.model, group.label)
        known = bool(group.evaluations) or any(math.isfinite(f.value) for f in group.figures)
        said = codes.OPACITY[2].lower() if group.opaque else "no opacity found"
        return self._observation(
            group,
            "group",
            said if known else "not measured",
            identifier=[uid_identifier(uid)],
            category=[_IMAGING, concept(_GROUP)],
            code=concept(_GROUP, group.label),
            # Opacity where there is any; a place that was only searched has no finding.
            valueCodeableConcept=concept(codes.OPACITY) if group.opaque else None,
            dataAbsentReason=None if known else UNKNOWN_REASON,
            hasMember=[reference(member) for member in members],
        )

    def _members(self, group: Group) -> list[Resource]:
        measured = [self._measurement(group, figure) for figure in group.figures]
        return measured + [
            self._observation(
                group,
                f"{name[0]} {value[0]}",
                f"{name[2]}: {value[2].lower()}",
                category=[_IMAGING],
                code=concept(name),
                valueCodeableConcept=concept(value),
            )
            for name, value in group.evaluations
        ]

    def _measurement(self, group: Group, figure: Figure) -> Resource:
        known = math.isfinite(figure.value)
        said = f"{figure.value:g} {figure.unit[2]}" if known else "not measured"
        return self._observation(
            group,
            figure.name[0],
            f"{figure.name[2]}: {said}",
            category=[_IMAGING],
            code=concept(figure.name),
            valueQuantity=quantity(figure.value, figure.unit) if known else None,
            dataAbsentReason=None if known else UNKNOWN_REASON,
            method=concept(figure.method),
        )

    def _report(self, groups: list[Resource]) -> Resource:
        said = comments(self.p, self.header)
        return self._made(
            "DiagnosticReport",
            *self.identity,
            identifier=[uid_identifier(uid_from("fhir report", *self.identity))],
            text=narrative(said),
            basedOn=self._order(),
            # FHIR's preliminary is of verified results; partial is of what may be unverified.
            status="partial",
            category=[
                {"coding": [{"system": f"{_TERMS}/v2-0074", "code": "RAD", "display": "Radiology"}]}
            ],
            code=concept(codes.REPORT),
            subject=reference(self.patient),
            effectiveDateTime=day_or_time(self.told.film),
            issued=self._instant(),
            result=[reference(group) for group in groups],
            imagingStudy=[reference(self.study)],
            conclusion="\n".join(said),
        )

    def _provenance(self, made: list[Resource]) -> Resource:
        recorded = self._instant()
        author: Json = {
            "coding": [{"system": f"{_TERMS}/provenance-participant-type", "code": "assembler"}]
        }
        return self._made(
            "Provenance",
            *self.identity,
            target=[reference(resource) for resource in made],
            # An instant has a time zone, and must be told or said to be unknown.
            recorded=recorded,
            _recorded=UNKNOWN if recorded is None else None,
            agent=[{"type": author, "who": reference(self.device)}],
            entity=[{"role": "source", "what": reference(self.study)}],
        )

    def _instant(self) -> Json:
        """When the report was made; an instant has a time zone, or is not told."""
        made = self.told.made
        return None if made is None or made.tzinfo is None else date_time(made)


_IMAGING: Resource = {
    "coding": [{"system": f"{_TERMS}/observation-category", "code": "imaging"}],
    "text": "Imaging",
}
