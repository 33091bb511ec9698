"""Tests of `infmap.report.fhir`: valid R4, whole, the same every time, and equal to the report."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydicom.dataset import Dataset

from infmap.dicom import film_of_picture
from infmap.dicom.derived import NOTICE
from infmap.report.fhir import fhir_bundle, fhir_json

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
from hostile_headers import HOSTILE  # noqa: E402
from reports import CLEAR, NONE, PREDICTION, film, groups, report_of  # noqa: E402

fhir_models = pytest.importorskip("fhir.resources.R4B", reason="fhir.resources is not installed")


def resources(bundle: Any, kind: str) -> list[Any]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "reference" in value:
            yield value["reference"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def code(concept: Any) -> tuple[str, str]:
    return concept["coding"][0]["code"], concept["coding"][0]["display"]


def a_person() -> Dataset:
    source = film()
    source.PatientName = "Doe^Jane Q^^Dr^III=\u6797^\u6797"
    source.PatientBirthDate, source.PatientSex = "19700203", "FEMALE"
    source.AccessionNumber, source.IssuerOfPatientID = "A9", "St. Elsewhere"
    source.StudyDate, source.StudyTime, source.TimezoneOffsetFromUTC = (
        "20260102",
        "1230",
        "+0100",
    )
    return source


FILMS = [
    (film(), PREDICTION),
    (a_person(), PREDICTION),
    (film(), CLEAR),
    (film(), replace(CLEAR, lungs=NONE, infected_fraction=math.nan)),
]


@pytest.mark.parametrize(("source", "prediction"), FILMS)
def test_it_is_valid_and_every_reference_resolves(source: Dataset, prediction: Any) -> None:
    from fhir.resources.R4B.bundle import Bundle

    data = fhir_json(source, prediction)
    parsed = Bundle.model_validate_json(data)
    assert json.loads(parsed.model_dump_json()) == json.loads(data)
    bundle = json.loads(data)
    places = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(places)) == len(places)
    assert set(references(bundle)) <= set(places)
    # What a server puts in their order never refers to what it does not have yet.
    for number, entry in enumerate(bundle["entry"]):
        assert set(references(entry)) <= set(places[:number])


def test_it_is_the_same_every_time_and_another_for_another_model() -> None:
    assert fhir_json(film(), PREDICTION) == fhir_json(film(), PREDICTION)
    ids = {e["resource"]["id"] for e in fhir_bundle(film(), PREDICTION)["entry"]}
    other = replace(PREDICTION, model_sha256="ef" * 32)
    shared = ids & {e["resource"]["id"] for e in fhir_bundle(film(), other)["entry"]}
    bundle = fhir_bundle(film(), PREDICTION)
    same = ("Patient", "ImagingStudy", "BodyStructure")
    assert shared == {r["id"] for kind in same for r in resources(bundle, kind)}


def test_its_figures_and_codes_are_those_of_the_structured_report() -> None:
    for changes in ({}, {"infected_fraction_left": math.nan, "opacity_fraction_left": math.nan}):
        report = groups(report_of(**changes))
        bundle = fhir_bundle(film(), replace(PREDICTION, **changes))
        observed = {f"urn:uuid:{o['id']}": o for o in resources(bundle, "Observation")}
        found = {
            o["code"]["text"]: o
            for o in observed.values()
            if "hasMember" in o and "dataAbsentReason" not in o
        }
        assert set(found) == set(report)
        for label, group in report.items():
            members = [observed[m["reference"]] for m in found[label]["hasMember"]]
            members = [m for m in members if "dataAbsentReason" not in m]
            measured = {
                (
                    *code(m["code"]),
                    m["valueQuantity"]["value"],
                    m["valueQuantity"]["code"],
                    *code(m["method"]),
                )
                for m in members
                if "valueQuantity" in m
            }
            assert measured == {
                (
                    m.name.value,
                    m.name.meaning,
                    float(m.value),
                    m.unit.value,
                    m.method.value,
                    m.method.meaning,
                )
                for m in group.get_measurements()
            }
            evaluated = {
                (code(m["code"]), code(m["valueCodeableConcept"]))
                for m in members
                if "valueCodeableConcept" in m
            }
            assert evaluated == {
                ((e.name.value, e.name.meaning), (e.value.value, e.value.meaning))
                for e in group.get_qualitative_evaluations()
            }
            assert len(measured) + len(evaluated) == len(members) > 0
            finding = found[label].get("valueCodeableConcept")
            assert (finding and code(finding)[0]) == (
                group.finding_type and group.finding_type.value
            )
            site = group.finding_sites[0]
            assert code(found[label]["bodySite"]) == (site.value.value, site.value.meaning)
            assert site.laterality.meaning.lower() in found[label]["bodySite"]["text"]
            uid = found[label]["identifier"][0]["value"]
            assert uid == f"urn:oid:{group.tracking_uid}"


def test_it_says_what_it_is_for_and_that_nobody_verified_it() -> None:
    bundle = fhir_bundle(film(), PREDICTION)
    (report,) = resources(bundle, "DiagnosticReport")
    assert report["status"] == "partial" and report["conclusion"].startswith(NOTICE)
    for observation in resources(bundle, "Observation"):
        assert observation["status"] == "preliminary"
        assert observation["note"] == [{"text": NOTICE}]
    every = [entry["resource"] for entry in bundle["entry"]]
    assert all(r["meta"]["security"][0]["code"] == "HRESCH" for r in every)


def test_patient_study_and_order_are_the_film_s() -> None:
    source = a_person()
    bundle = fhir_bundle(source, PREDICTION)
    (patient,) = resources(bundle, "Patient")
    assert patient["gender"] == "female" and patient["birthDate"] == "1970-02-03"
    assert patient["identifier"][0]["value"] == "p7"
    assert patient["identifier"][0]["assigner"] == {"display": "St. Elsewhere"}
    first, second = patient["name"]
    assert first == {"given": ["Jane", "Q"], "prefix": ["Dr"], "suffix": ["III"], "family": "Doe"}
    assert second["family"] == "\u6797"
    (study,) = resources(bundle, "ImagingStudy")
    assert study["started"] == "2026-01-02T12:30:00+01:00"
    assert study["identifier"][0]["value"] == f"urn:oid:{source.StudyInstanceUID}"
    assert study["series"][0]["instance"][0]["uid"] == source.SOPInstanceUID
    assert study["modality"] == [study["series"][0]["modality"]]
    reported = resources(bundle, "Observation") + resources(bundle, "DiagnosticReport")
    orders = [o["basedOn"][0]["identifier"]["value"] for o in reported]
    assert set(orders) == {"A9"}


def test_times_are_told_with_a_zone_or_not_at_all() -> None:
    (told,) = resources(fhir_bundle(a_person(), PREDICTION), "Provenance")
    assert told["recorded"].endswith("+01:00") and "_recorded" not in told
    source = a_person()
    del source.TimezoneOffsetFromUTC
    bundle = fhir_bundle(source, PREDICTION)
    (told,) = resources(bundle, "Provenance")
    assert "recorded" not in told and told["_recorded"]["extension"][0]["valueCode"] == "unknown"
    assert all(len(o["effectiveDateTime"]) == 10 for o in resources(bundle, "Observation"))
    later = datetime(2026, 5, 6, tzinfo=UTC)
    (told,) = resources(fhir_bundle(source, PREDICTION, when=later), "Provenance")
    assert told["recorded"] == "2026-05-06T00:00:00+00:00"
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        if keyword in source:
            delattr(source, keyword)
    bundle = fhir_bundle(source, PREDICTION)
    assert not any("effectiveDateTime" in o for o in resources(bundle, "Observation"))


def test_a_film_without_patient_number_is_no_one_else_s() -> None:
    one, other = film(), film()
    for source in (one, other):
        source.PatientID = ""
    other.StudyInstanceUID = "1.2.3"
    (a,), (b,) = (resources(fhir_bundle(s, PREDICTION), "Patient") for s in (one, other))
    assert a["id"] != b["id"] and "identifier" not in a


def posted(server: dict[str, Any], bundle: Any) -> None:
    """What a server does with a transaction (FHIR R4, 3.1.0.11.2): puts by id, then links."""
    places = {}
    for entry in bundle["entry"]:
        assert entry["request"]["method"] == "PUT"
        places[entry["fullUrl"]] = entry["request"]["url"]
    for entry in bundle["entry"]:
        text = json.dumps(entry["resource"])
        for place, url in places.items():
            text = text.replace(f'"{place}"', f'"{url}"')
        server[entry["request"]["url"]] = json.loads(text)


def test_posted_twice_nothing_doubles_and_films_share_their_patient() -> None:
    server: dict[str, Any] = {}
    posted(server, fhir_bundle(film(), PREDICTION))
    once = dict(server)
    posted(server, fhir_bundle(film(), PREDICTION))
    assert server == once
    assert {r for value in server.values() for r in references(value)} <= set(server)
    second = film()
    second.SOPInstanceUID = "1.2.3"
    posted(server, fhir_bundle(second, PREDICTION))
    kinds = [url.split("/")[0] for url in server]
    assert kinds.count("Patient") == 1 and kinds.count("DiagnosticReport") == 2
    assert all(server[url] == once[url] for url in once)


@pytest.mark.parametrize("name", sorted(HOSTILE)[::2])
def test_whatever_the_header_it_is_valid_and_its_figures_are_the_same(name: str) -> None:
    from fhir.resources.R4B.bundle import Bundle

    data = fhir_json(HOSTILE[name], PREDICTION)
    assert Bundle.model_validate_json(data)
    bundle = json.loads(data)
    places = {entry["fullUrl"] for entry in bundle["entry"]}
    assert set(references(bundle)) <= places
    expected = fhir_bundle(film(), PREDICTION)
    figures = [
        [(o["code"], o.get("valueQuantity")) for o in resources(b, "Observation")]
        for b in (bundle, expected)
    ]
    assert figures[0] == figures[1]
    for found in (*resources(bundle, "Patient"), *resources(bundle, "ImagingStudy")):
        for identifier in found.get("identifier", ()):
            assert identifier.get("system") or identifier["_system"]["extension"]
    (study,) = resources(bundle, "ImagingStudy")
    (instance,) = study["series"][0]["instance"]
    assert instance["sopClass"]["code"].startswith("urn:oid:1.2.840.10008.5.1.4.1.1.")


def test_what_could_not_be_measured_is_said_to_be_unknown_and_no_zero() -> None:
    bundle = fhir_bundle(film(), PREDICTION)
    observed = {f"urn:uuid:{o['id']}": o for o in resources(bundle, "Observation")}
    zones = {o["code"]["text"][:6]: o for o in observed.values() if "hasMember" in o}
    absent, measured = zones["Zone E"], zones["Zone A"]
    assert absent["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "dataAbsentReason" not in measured and "valueCodeableConcept" not in absent
    (figure,) = (observed[m["reference"]] for m in absent["hasMember"])
    assert "valueQuantity" not in figure and figure["dataAbsentReason"]
    assert "not measured" in figure["text"]["div"]
    (figure,) = (observed[m["reference"]] for m in measured["hasMember"])
    assert figure["valueQuantity"]["value"] == 0.0
    assert all(("valueQuantity" in o) <= ("dataAbsentReason" not in o) for o in observed.values())


def test_sites_tell_their_side_without_the_extension() -> None:
    bundle = fhir_bundle(film(), PREDICTION)
    sides = {
        o["code"]["text"]: [c["code"] for c in o["bodySite"]["coding"]]
        for o in resources(bundle, "Observation")
        if "hasMember" in o
    }
    assert sides["Right lung"] == ["39607008", "3341006"]
    assert sides["Left lung"] == ["39607008", "44029006"]
    assert [v for k, v in sides.items() if k.startswith("COVID-19: ")][0][1] == "74101002"
    assert sides["Zone A, upper zone of right lung"] == ["281392002"]


def test_texts_are_xhtml_that_nothing_can_break_out_of() -> None:
    source = film()
    source.PatientName = "<script>alert(1)</script>^&quot;\u00e9\U0001f600"
    odd = replace(
        PREDICTION, warnings=("</div><script>x</script> & \x00\x0b\ufffe\ud800",), model="<m>@1"
    )
    bundle = json.loads(json.dumps(fhir_bundle(source, odd)))
    said = [entry["resource"] for entry in bundle["entry"] if "text" in entry["resource"]]
    kinds = {resource["resourceType"] for resource in said}
    assert kinds == {"DiagnosticReport", "Observation"}
    for resource in said:
        div = ElementTree.fromstring(resource["text"]["div"])
        assert {element.tag.split("}")[1] for element in div.iter()} == {"div", "p"}
        assert NOTICE in "".join(div.itertext())
    (patient,) = resources(bundle, "Patient")
    assert patient["name"][0]["family"] == "<script>alert(1)</script>"


def test_what_is_observed_is_of_the_film_s_time_whenever_the_report_is_made() -> None:
    later = datetime(2026, 5, 6, tzinfo=UTC)
    bundle = fhir_bundle(a_person(), PREDICTION, when=later)
    (report,) = resources(bundle, "DiagnosticReport")
    for resource in (report, *resources(bundle, "Observation")):
        assert resource["effectiveDateTime"].endswith("+01:00")
        assert resource["issued"] == "2026-05-06T00:00:00+00:00"


def test_issuers_that_the_film_names_are_systems() -> None:
    source, issuer = a_person(), Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.276.0.76", "ISO"
    source.IssuerOfPatientIDQualifiersSequence = [issuer]
    source.IssuerOfAccessionNumberSequence = [issuer]
    bundle = fhir_bundle(source, PREDICTION)
    (patient,), (study,) = resources(bundle, "Patient"), resources(bundle, "ImagingStudy")
    named = patient["identifier"] + [study["identifier"][1]]
    assert [one["system"] for one in named] == ["urn:oid:1.2.276.0.76"] * 2
    assert all("_system" not in one for one in named)


def test_the_made_number_of_a_picture_is_no_medical_record_number() -> None:
    shown = replace(PREDICTION, radiograph=replace(PREDICTION.radiograph, sha256="ab" * 32))
    (patient,) = resources(fhir_bundle(film_of_picture(shown.radiograph), shown), "Patient")
    (identifier,) = patient["identifier"]
    assert "type" not in identifier and identifier["system"].startswith("urn:oid:2.25.")
    assert identifier["value"] == "FILM-" + "AB" * 8
