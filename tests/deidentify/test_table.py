from __future__ import annotations

from pathlib import Path

import pytest

from infmap.deidentify.table import action, required, row_of, rows

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CR = "1.2.840.10008.5.1.4.1.1.1"
MULTI = "1.2.840.10008.5.1.4.1.1.7.3"


def test_basic_column_is_the_standards() -> None:
    database = "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c"
    oracle = pytest.importorskip(database, reason="pip install dicom-anonymizer")
    groups = {
        "D": "D_TAGS", "Z": "Z_TAGS", "X": "X_TAGS", "U": "U_TAGS", "Z/D": "Z_D_TAGS",
        "X/Z": "X_Z_TAGS", "X/D": "X_D_TAGS", "X/Z/D": "X_Z_D_TAGS", "X/Z/U*": "X_Z_U_STAR_TAGS",
    }  # fmt: skip
    expected = {
        f"{tag[0]:04X}{tag[1]:04X}": code
        for code, name in groups.items()
        for tag in getattr(oracle, name)
        if len(tag) == 2
    }
    # The oracle writes repeating groups as values and masks.
    expected |= {"50XXXXXX": "X", "60XX3000": "X", "60XX4000": "X"}
    assert {tag: row.basic for tag, row in rows().items()} == expected
    assert len(expected) == 655


def test_columns_of_options_are_those_of_another_source() -> None:
    # Of 2020, under the MIT license: later editions clean three titles instead of keeping them,
    # and keep one more identifier of a device.
    later = {"00203401": "device=K", "00321021": "device=C", "00400001": "device=C"}
    later["00400241"] = "device=C"
    given = (Path(__file__).parent / "options_2020.tsv").read_text().splitlines()
    expected = dict(line.split("\t") for line in given if not line.startswith("#")) | later
    ours = {
        tag: " ".join(f"{name}={do}" for name, do in sorted(row.options.items()))
        for tag, row in rows().items()
    }
    assert {tag: ours.get(tag) for tag in expected} == expected
    assert len(expected) == 431


def test_repeating_groups_have_a_row() -> None:
    assert row_of(0x60023000) is rows()["60XX3000"]
    assert row_of(0x50040010) is rows()["50XXXXXX"]
    assert row_of(0x00280010) is None


def test_type_decides_compound_actions() -> None:
    content, context = rows()["00080023"], rows()["00400555"]
    nothing: frozenset[str] = frozenset()
    assert action(content, nothing, ("ContentDate",), MULTI) == "D"
    assert action(content, nothing, ("ContentDate",), DX) == "Z"
    assert action(context, nothing, ("AcquisitionContextSequence",), DX) == "Z"
    assert action(context, nothing, ("AcquisitionContextSequence",), CR) == "X"


def test_an_unknown_class_gets_what_is_valid_in_any() -> None:
    assert required(("SeriesDate",), "1.2.3") == "1"
    assert required(("SeriesDate",), DX) == "3"


@pytest.mark.parametrize(
    ("tag", "options", "expected"),
    [
        ("00080020", {"dates"}, "C"),
        ("00101010", {"patient"}, "K"),
        ("00181000", {"device"}, "K"),
        ("00081030", {"descriptors"}, "C"),
        ("0018700C", {"device"}, "K"),
        ("0018700C", {"device", "dates"}, "C"),
        ("00100010", {"dates", "patient", "device", "descriptors"}, "Z"),
    ],
)
def test_options_go_before_the_profile(tag: str, options: set[str], expected: str) -> None:
    row = rows()[tag]
    assert action(row, frozenset(options), (row.keyword,), DX) == expected
