from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from infmap.deidentify.identities import folded, identities_of

sys.path.insert(0, str(Path(__file__).parent))
from hospital import BORN, NAME, PATIENT, WORDS, film  # noqa: E402


@pytest.mark.parametrize(
    "text",
    [
        NAME, NAME.upper(), "Thorax von Erika", "MUSTERMANNERIKA", "mustermann_e", PATIENT,
        PATIENT.lower(), "1961-04-12", "12.04.1961", "born 04/12/1961", BORN, "Sauerbruch",
        "order ACC990017",
    ],
)  # fmt: skip
def test_finds_the_patient(text: str) -> None:
    assert identities_of(film()).found_in(text)


@pytest.mark.parametrize("text", ["CHEST", "DERIVED", "erikas", "infmap", "1.2.778812.3", ""])
def test_finds_no_one_else(text: str) -> None:
    assert not identities_of(film()).found_in(text)


def test_names_of_other_scripts_and_accents() -> None:
    known = identities_of(film(name="Yamada^Tarou=山田^太郎", SpecificCharacterSet="ISO_IR 192"))
    assert known.found_in("山田 様") and known.found_in("YAMADÁ")


def test_nested_and_private_names_count() -> None:
    dataset, item = film(), Dataset()
    item.OperatorsName = "Roentgen^Wilhelm"
    dataset.ContributingEquipmentSequence = Sequence([item])
    block = dataset.private_block(0x0011, "ACME", create=True)
    block.add_new(1, "PN", "Curie^Marie")
    known = identities_of(dataset)
    assert known.found_in("Roentgen") and known.found_in("Curie")


def test_short_values_are_words_of_every_film() -> None:
    known = identities_of(film(patient="12", name="Li^Bo", StudyID="1"))
    assert not known.found_in("PA 12 1 li bo")


def test_a_name_is_found_as_another_keyboard_writes_it() -> None:
    assert identities_of(film(name="Mueller^Jörg")).found_in("Thorax Müller")
    assert identities_of(film(name="Mueller^Jörg")).found_in("Herr Joerg M.")


@pytest.mark.parametrize("date", ["2020-03-02", "2.3.2020", "02.03.20", "2 Mar 2020", "3/2/20"])
def test_every_date_of_the_film_is_found_in_texts(date: str) -> None:
    known = identities_of(film(StudyDate="20200302"))
    assert known.found_in(f"Thorax {date}, in bed") and not known.found_in("1.2.3.20.5 20")
    assert date not in known.texts  # those are looked for in bytes as well


def test_words_are_replaced_and_others_stay() -> None:
    known = identities_of(film())
    assert known.without("Thorax pa von Erika Mustermann", "X") == "Thorax pa von X X"
    assert known.without("Thorax pa", "X") == "Thorax pa"


def test_uids_of_the_film_but_not_of_the_standard() -> None:
    dataset = film()
    uids = identities_of(dataset).uids
    assert dataset.StudyInstanceUID in uids and dataset.SOPClassUID not in uids


def test_folded() -> None:
    assert folded("  Müller_Ännchen ") == folded("MUELLER AENNCHEN") == "muller annchen"
    assert folded("Sørensen Łódź") == folded("soerensen lodz")
    assert all(word == folded(word) for word in WORDS)
