"""Tests of `infmap.report.fhir_told`."""

from __future__ import annotations

from datetime import UTC, datetime

from pydicom.dataset import Dataset

from infmap.report.fhir_told import Told, day_or_time, names_of


def test_times_of_film_study_and_report() -> None:
    film = Dataset()
    film.StudyDate, film.StudyTime = "20260102", "0800"
    film.ContentDate, film.ContentTime = "20260103", "0900"
    film.TimezoneOffsetFromUTC = "+0100"
    told = Told.of(film, None)
    assert day_or_time(told.study) == "2026-01-02T08:00:00+01:00"
    assert day_or_time(told.film) == day_or_time(told.made) == "2026-01-03T09:00:00+01:00"
    assert Told.of(film, datetime(2026, 5, 6, tzinfo=UTC)).made == datetime(2026, 5, 6, tzinfo=UTC)


def test_what_a_film_does_not_tell_is_absent() -> None:
    told = Told.of(Dataset(), None)
    assert (told.film, told.made, told.study) == (None, None, None)
    assert (told.patients, told.orders) == ("", "") and day_or_time(None) is None


def test_names_in_all_their_writings() -> None:
    film = Dataset()
    film.PatientName = "Wang^Xiao Dong=\u738b^\u5c0f\u4e1c"
    first, second = names_of(film)  # type: ignore[misc]
    assert first == {"given": ["Xiao", "Dong"], "family": "Wang"}
    assert second == {"given": ["\u5c0f\u4e1c"], "family": "\u738b"}
    film.PatientName = "^^^"
    assert names_of(film) is None
