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

import pytest
from pydicom.dataset import Dataset

from infmap.dicom.derived import NOTICE
from infmap.report.fhir import fhir_bundle, fhir_json

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
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
        found = {o["code"]["text"]: o for o in observed.values() if "hasMember" in o}
        assert set(found) == set(report)
        for label, group in report.items():
            members = [observed[m["reference"]] for m in found[label]["hasMember"]]
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
    assert study["started"] == "2026-01-02"
    assert study["identifier"][0]["value"] == f"urn:oid:{source.StudyInstanceUID}"
    assert study["series"][0]["instance"][0]["uid"] == source.SOPInstanceUID
    orders = [o["basedOn"][0]["identifier"]["value"] for o in resources(bundle, "Observation")]
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
