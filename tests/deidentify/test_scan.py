from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from infmap.deidentify.film import clean_film, open_film
from infmap.deidentify.identities import Identities
from infmap.deidentify.options import Options
from infmap.deidentify.scan import residue

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, film, read, saved  # noqa: E402


@pytest.fixture(scope="module")
def clean() -> tuple[bytes, Identities]:
    source = open_film(saved(film()), KEY)
    return clean_film(source, Options(), KEY).data, source.identities


def test_nothing_in_a_clean_film(clean: tuple[bytes, Identities]) -> None:
    data, known = clean
    assert residue(data, known, Options()) == []


@pytest.mark.parametrize(
    ("keyword", "value", "finding"),
    [
        ("PatientComments", "well", "PatientComments: should be removed"),
        ("Manufacturer", "ERIKA", "Manufacturer: names the patient"),
        ("SoftwareVersions", ["1", "hosp-778812"], "SoftwareVersions: names the patient"),
        ("BodyPartExamined", "MUSTERMANN", "BodyPartExamined: names the patient"),
    ],
)
def test_what_is_planted_is_found(
    clean: tuple[bytes, Identities], keyword: str, value: object, finding: str
) -> None:
    data, known = clean
    dataset = read(data)
    setattr(dataset, keyword, value)
    assert finding in residue(saved(dataset), known, Options())


def test_nested_private_and_meta_are_looked_at(clean: tuple[bytes, Identities]) -> None:
    data, known = clean
    dataset, item = read(data), Dataset()
    item.CodeMeaning = "Erika"
    block = item.private_block(0x0011, "ACME", create=True)
    block.add_new(1, "OB", b"x")
    dataset.ViewCodeSequence = Sequence([item])
    dataset.file_meta.SourceApplicationEntityTitle = "MUSTERMANN"
    dataset.preamble = b"II*\0" + bytes(124)
    found = residue(saved(dataset), known, Options())
    assert "ViewCodeSequence item 1: CodeMeaning: names the patient" in found
    assert sum("private, should be removed" in line for line in found) == 2
    assert "file meta: SourceApplicationEntityTitle: names the patient" in found
    assert "preamble: should be zero" in found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_bytes_that_no_reader_shows_are_looked_at(
    clean: tuple[bytes, Identities], encoding: str
) -> None:
    data, known = clean
    dataset = read(data)
    dataset.add_new(0x00282000, "OB", "Erika Mustermann".encode(encoding))
    assert any("bytes of the header" in line for line in residue(saved(dataset), known, Options()))


def test_an_old_uid_is_found(clean: tuple[bytes, Identities]) -> None:
    data, known = clean
    dataset = read(data)
    dataset.ConcatenationUID = film().StudyInstanceUID
    found = residue(saved(dataset), known, Options())
    assert "ConcatenationUID: a UID of the film as it came" in found


def test_numbers_that_equal_an_identifier_by_chance_are_none() -> None:
    source = open_film(saved(film(patient="6553")), KEY)
    dataset = source.dataset
    dataset.WindowCenter = "6553"
    known = source.identities
    assert residue(clean_film(source, Options(), KEY).data, known, Options()) == []


def test_no_value_is_said(clean: tuple[bytes, Identities]) -> None:
    data, known = clean
    dataset = read(data)
    dataset.Manufacturer = "Erika Mustermann"
    said = " ".join(residue(saved(dataset), known, Options()))
    assert said and not known.found_in(said)
