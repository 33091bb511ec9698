"""Tests of `infmap.annotation.bodies`."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import TypeAdapter, ValidationError

from infmap.annotation.bodies import Decision, Name, Rules, SignIn, Tab
from infmap.annotation.decisions import KINDS
from infmap.annotation.projects import Settings
from infmap.annotation.users import LONGEST


@pytest.mark.parametrize("text", ["", "x" * 65, "nul\0", "line\nbreak", "half \ud800"])
def test_what_no_database_keeps_is_no_name(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(text)


@pytest.mark.parametrize("text", ["ada", "Zoë Müller", "山田 太郎", "o'neil; --"])
def test_names_of_people_are_names(text: str) -> None:
    assert TypeAdapter(Name).validate_python(text) == text


def test_a_key_too_many_is_an_error() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        SignIn.model_validate({"name": "ada", "password": "x", "role": "administrator"})


def test_a_password_as_long_as_an_account_takes_passes() -> None:
    SignIn(name="ada", password="x" * LONGEST)
    with pytest.raises(ValidationError):
        SignIn(name="ada", password="x" * (LONGEST + 1))


def test_decisions_are_of_the_kinds_that_the_station_knows() -> None:
    assert [Decision(version=1, kind=kind).kind for kind in KINDS] == list(KINDS)


def test_a_project_can_be_given_every_rule_there_is() -> None:
    assert Rules().model_dump() == asdict(Settings())


def test_a_tab_is_a_word() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Tab).validate_python("two words")
