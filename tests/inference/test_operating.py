"""Points that rule COVID-19 out and in: chosen for an aim, each source counting the same."""

from dataclasses import replace

import numpy as np
import pytest

from infmap.inference.manifest import Manifest, read_manifest, write_manifest
from infmap.inference.operating import OperatingPoints, Rate, predictive_values
from infmap.inference.operating_fit import (
    FEWEST,
    TICK,
    Labelled,
    fit_operating_points,
    mean_rate,
    sensitive_threshold,
    specific_threshold,
)


def labelled(counts, seed=0, gap=1.5):
    """Films of sources: name to (films of COVID-19, others), log-odds a gap on either side of 0."""
    random = np.random.default_rng(seed)
    odds, covid19, sources = [], [], []
    for source, (sick, well) in counts.items():
        odds += [*random.normal(gap, 1.0, sick), *random.normal(-gap, 1.0, well)]
        covid19 += [True] * sick + [False] * well
        sources += [source] * (sick + well)
    probability = 1.0 / (1.0 + np.exp(-np.array(odds)))
    groups = [f"p{i}" for i in range(len(odds))]
    return Labelled(probability, np.array(covid19), sources, groups)


def test_each_point_reaches_its_aim_and_no_stricter_one_would():
    films = labelled({"a": (200, 300)})
    points = fit_operating_points(films, "a, 500 films", specificity=0.95)
    sick, well = films.of("a", True)[0], films.of("a", False)[0]
    out, into = points.rule_out, points.rule_in
    assert (sick >= out.threshold).mean() >= 0.95 > (sick >= out.threshold + 0.02).mean()
    assert (well < into.threshold).mean() >= 0.95 > (well < into.threshold - 0.02).mean()
    assert out.sensitivity.value == pytest.approx((sick >= out.threshold).mean(), abs=1e-4)
    assert into.specificity.value == pytest.approx((well < into.threshold).mean(), abs=1e-4)
    assert points.population in points.sentence()
    near_one = replace(points, rule_in=replace(into, threshold=0.99958))
    assert "rule-in from 0.9996 " in near_one.sentence()  # 1 would say that no film can reach it


def test_a_large_source_has_no_more_say_than_a_small_one():
    large, small = np.full(900, 0.1), np.full(100, 0.6)
    assert specific_threshold([large, small], 0.9) == pytest.approx(0.6 + TICK)
    assert specific_threshold([large, small], 0.5) == pytest.approx(0.1 + TICK)
    assert sensitive_threshold([1 - large, 1 - small], 0.9) == pytest.approx(0.4)


def test_the_edge_film_itself_is_on_the_right_side():
    values = np.array([0.25, 0.5, 0.75])
    assert (values < specific_threshold([values], 2 / 3)).sum() == 2
    assert (values >= sensitive_threshold([values], 2 / 3)).sum() == 2
    for ends in (np.zeros(20), np.ones(20)):
        assert 0.0 < sensitive_threshold([ends], 0.9) < 1.0
        assert 0.0 < specific_threshold([ends], 0.9) < 1.0


def test_sources_with_few_films_of_a_class_have_no_say_on_it():
    films = labelled({"a": (50, 50), "b": (FEWEST - 1, 40), "c": (30, 0)})
    points = fit_operating_points(films, "these")
    by_name = {s.source: s for s in points.rule_in.sources}
    assert by_name["b"].sensitivity is None and by_name["b"].specificity.films == 40
    assert by_name["c"].specificity is None
    assert points.rule_in.specificity.films == 90
    assert fit_operating_points(labelled({"c": (90, 0)}), "these") is None
    one_patient = replace(films, groups=["p"] * len(films.sources))
    assert fit_operating_points(one_patient, "these") is None


def test_classes_that_lie_apart_get_points_in_order():
    points = fit_operating_points(labelled({"a": (60, 60)}, gap=6.0), "these")
    assert points.rule_out.threshold == points.rule_in.threshold
    assert points.rule_out.sensitivity.value == points.rule_in.specificity.value == 1.0


@pytest.mark.parametrize(
    ("probability", "rule_out", "rule_in"),
    [(0.1, True, False), (0.5, False, False), (0.9, False, True)],
)
def test_a_film_is_ruled_out_or_in_or_neither(probability, rule_out, rule_in):
    points = fit_operating_points(labelled({"a": (200, 200)}, gap=1.0), "these")
    assert 0.1 < points.rule_out.threshold < 0.5 < points.rule_in.threshold < 0.99
    points = replace(points, rule_in=replace(points.rule_in, threshold=0.85))
    assert points.decide(probability) == {"rule_out": rule_out, "rule_in": rule_in}


def test_predictive_values_follow_bayes():
    sensitivity, specificity = Rate(0.9, 0.8, 0.95, 100), Rate(0.95, 0.9, 0.97, 100)
    found = predictive_values(0.2, sensitivity, specificity)
    assert found.positive[0] == pytest.approx(0.18 / (0.18 + 0.04), abs=1e-4)
    assert found.negative[0] == pytest.approx(0.76 / (0.76 + 0.02), abs=1e-4)
    assert found.positive[1] < found.positive[0] < found.positive[2]
    nothing = predictive_values(0.2, Rate(0, 0, 0, 10), Rate(1, 1, 1, 10))
    assert nothing.positive[0] == 0.2


def test_the_mean_of_sources_is_surer_than_one_of_them():
    one = Rate(0.9, 0.8, 0.95, 50)
    both = mean_rate([one, one])
    assert both.value == 0.9 and both.films == 100
    assert one.low < both.low < both.value < both.high < one.high


def test_points_out_of_order_are_refused():
    points = fit_operating_points(labelled({"a": (60, 60)}), "these")
    with pytest.raises(ValueError, match="expected rule_out at most rule_in"):
        OperatingPoints(
            replace(points.rule_out, threshold=0.9), replace(points.rule_in, threshold=0.8), "x"
        )


def test_points_survive_writing_and_reading(tmp_path):
    points = fit_operating_points(labelled({"a": (60, 60), "b": (20, 0)}), "these films")
    write_manifest(tmp_path, Manifest("m", "1", operating=points))
    assert read_manifest(tmp_path).operating == points
