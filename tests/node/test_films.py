"""Tests of `infmap.node.films`."""

from __future__ import annotations

import pytest
from small_node import CLASSES, as_received, film, made

from infmap.node.films import describe


def reason(**elements: object) -> str | None:
    found = describe(as_received(film(1, **elements)))
    assert found is not None and not found.own
    return found.reason


def test_frontal_chest_films_are_read() -> None:
    assert reason() is None
    assert reason(Modality="CR", SOPClassUID="1.2.840.10008.5.1.4.1.1.1") is None
    assert reason(BodyPartExamined="", ViewPosition="AP") is None
    assert reason(BodyPartExamined="THORAX", ViewPosition="") is None


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Modality": "CT"}, "no CR or DX"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "no CR or DX"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"}, "raw"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw"),
        ({"BodyPartExamined": "KNEE"}, "body part"),
        ({"ViewPosition": "LL"}, "lateral"),
        ({"ViewPosition": "", "PatientOrientation": ["A", "F"]}, "lateral"),
    ],
)
def test_others_are_kept_out_with_a_reason(elements: dict[str, object], words: str) -> None:
    assert words in (reason(**elements) or "")


def test_own_objects_are_known_and_a_phantom_is_a_film() -> None:
    for kind in CLASSES:
        found = describe(made("a", kind))
        assert found is not None and found.own
    found = describe(as_received(film(1, Manufacturer="infmap")))
    assert found is not None and not found.own and found.reason is None


def test_what_cannot_be_read_is_nothing() -> None:
    whole = as_received(film(1))
    assert describe(b"") is None and describe(whole[:140]) is None
    assert describe(b"no DICOM at all" * 20) is None
