"""Severity against readers."""

import numpy as np

from infmap.study.severity import extents_by_others, readings_of, severity_figures


def test_extents_come_from_other_patients_with_an_interval():
    random = np.random.default_rng(0)
    shares = random.random((60, 2))
    truth = np.round(4 * shares.sum(axis=1))
    groups = np.array([f"p{i // 2}" for i in range(60)])
    found = extents_by_others(shares, truth, groups, np.zeros((5, 2)))
    assert np.corrcoef(found.score, truth)[0, 1] > 0.95
    assert ((found.low <= found.score) & (found.score <= found.high)).all()
    # A patient's own readings do not decide: turned round they leave their extents as they were.
    turned = np.where(groups == "p3", 8 - truth, truth)
    again = extents_by_others(shares, turned, groups, np.zeros((5, 2)))
    assert (again.score[groups == "p3"] == found.score[groups == "p3"]).all()
    few = extents_by_others(shares[:6], truth[:6], groups[:6], np.zeros((0, 2)))
    assert np.isnan(few.score).all()


def test_severity_is_of_whole_lungs_and_needs_readings(planted):
    films, scores = planted()
    table = films.of_source("cohen").table
    found = severity_figures(table, scores, np.zeros((3, 2)))
    assert found["r of brixia_global (senior) with mean opacity"].value > 0.95
    assert 0 <= found["interval of extent, coverage"].value <= 1
    assert found["interval of extent, median width"].value <= 8
    assert ("brixia_A", "senior") not in readings_of(table.text["film_id"], scores)
    assert severity_figures(films.of_source("general").table, scores, np.zeros((3, 2))) == {}
