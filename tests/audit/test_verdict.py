"""Tests of `infmap.audit.verdict`."""

from __future__ import annotations

import math

from infmap.audit import views
from infmap.audit.counts import Rate, Table
from infmap.audit.overlap import Overlap
from infmap.audit.probes import Probe
from infmap.audit.verdict import BAD, CAUTION, NOTE, interval, verdict
from infmap.metrics import Estimate

MIXED = [Table("source", {"a": (5, 0, 5, 0, 0)})]


def probe(view: str, low: float, told: str = "label", among: str = "a") -> Probe:
    area = Estimate(min(1.0, low + 0.05), low, min(1.0, low + 0.1), 100)
    return Probe(view, told, among, area, area, 0.5, {"COVID-19": 50, "other": 50})


def test_a_probe_is_graded_by_the_lower_end_of_its_interval() -> None:
    for low, grade in ((0.81, BAD), (0.65, CAUTION), (0.52, NOTE), (0.4, NOTE)):
        (found,) = verdict([probe(views.WITHOUT_LUNGS, low)], [], [], MIXED, True)
        assert found.grade == grade, low
        assert views.WITHOUT_LUNGS not in found.text
        assert "lungs blanked out" in found.text


def test_an_area_without_an_interval_claims_nothing() -> None:
    unknown = Estimate(0.99, math.nan, math.nan, 20)
    blind = Probe(views.EDGE, "label", "a", unknown, unknown, 0.5, {})
    (found,) = verdict([blind], [], [], MIXED, True)
    assert found.grade == NOTE
    assert "[no interval]" in found.text
    assert interval(unknown) == "0.99 [no interval]"


def test_the_worst_comes_first() -> None:
    probes = [
        probe(views.WITHOUT_LUNGS, 0.5, among="a"),
        probe(views.WITHOUT_LUNGS, 0.9, among="b"),
    ]
    found = verdict(probes, [], [], MIXED, False)
    assert [finding.grade for finding in found] == [BAD, CAUTION, NOTE]
    assert "infmap catalog dedup" in found[1].text


def test_a_source_of_one_class_tells_the_label() -> None:
    tables = [Table("source", {"a": (9, 0, 0, 0, 1), "b": (0, 4, 0, 0, 0), "c": (0, 0, 0, 0, 3)})]
    found = [finding.text for finding in verdict([], [], [], tables, True)]
    assert len(found) == 2
    assert found[0].startswith("a has only COVID-19 films")
    assert found[1].startswith("b has no COVID-19 films")


def test_writing_counts_where_the_rates_of_the_classes_stand_apart() -> None:
    often, seldom = Estimate(0.8, 0.7, 0.9, 50), Estimate(0.2, 0.1, 0.3, 50)
    line = Estimate(0.0, 0.0, 0.1, 50)
    rates = [Rate("COVID-19", often, line), Rate("other", seldom, line)]
    (found,) = verdict([], rates, [], MIXED, True)
    assert (found.grade, "80 % [70, 90]" in found.text) == (CAUTION, True)
    assert verdict([], [rates[0], Rate("other", often, line)], [], MIXED, True) == []


def test_both_directions_of_an_overlap_are_one_sentence() -> None:
    pair = [
        Overlap("official_split", "test", "train", 2, 3, 4, 10),
        Overlap("official_split", "train", "test", 2, 3, 5, 20),
    ]
    (found,) = verdict([], [], pair, MIXED, True)
    assert found.grade == CAUTION
    assert "4 of 10 films of test and 5 of 20 of train" in found.text
