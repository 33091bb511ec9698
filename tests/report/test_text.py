"""Tests of `infmap.report.text`."""

from __future__ import annotations

from infmap.report.text import bounds, figure, grade_text, percent, probability


def test_figures_never_claim_certainty() -> None:
    assert [probability(v) for v in (None, 1.0, 0.0, 0.5)] == ["–", ">0.99", "<0.01", "0.50"]
    assert [percent(v) for v in (None, 0.0, 0.004, 0.345)] == ["–", "0\xa0%", "<1\xa0%", "35\xa0%"]


def test_a_grade_is_printed_with_what_its_interval_allows() -> None:
    assert grade_text("moderate", ("mild", "moderate", "severe")) == "moderate (mild to severe)"
    assert grade_text("none", ("none", "mild")) == "none (none to mild)"
    assert grade_text("mild", ("mild",)) == grade_text("mild") == "mild"
    assert grade_text(None) == "\N{EN DASH}"


def test_bounds_of_the_gate_are_in_words() -> None:
    inf = float("inf")
    given = [(0.1, inf), (-inf, 2.5), (0.02, 0.75), (64, inf), None]
    words = ["at least 0.1", "at most 2.5", "0.02 to 0.75", "at least 64", "\N{EN DASH}"]
    assert [bounds(limit) for limit in given] == words
    assert [figure(v) for v in (1024.0, 0.12345, 3, None, True)] == [
        "1024",
        "0.123",
        "3",
        "not known",
        "yes",
    ]
