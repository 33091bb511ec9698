"""Each source is judged by a model that left it out; one number says which model is better."""

import numpy as np
import pytest

from infmap.study.by_source import (
    KNOWN_EMPTY,
    LEFT_OUT,
    SCORES,
    VALIDATION,
    figures,
    selection,
    worst,
)
from infmap.study.external import Limit
from infmap.study.films import FilmTable

PROBABILITY = "AUROC against healthy films left out, probability"


def test_a_source_stands_against_healthy_films_that_the_same_model_left_out(planted):
    films, scores = planted()
    found = figures(films, scores)
    assert found["cohen"][PROBABILITY].value == 1.0
    assert found["cohen"]["AUROC against other diagnoses, probability"].value == 1.0
    covid = (films.table.text["source"] == "cohen") & (films.table.text["class"] == "covid19")
    healthy = (films.table.text["class"] == "normal") & (films.table.text["set"] == LEFT_OUT)
    own = healthy & (films.fold == "B")
    assert found["cohen"][PROBABILITY].n == covid.sum() + own.sum() < covid.sum() + healthy.sum()
    # Scores that the films lack are no column of zeros.
    assert "AUROC against healthy films left out, mean infection" not in found["validation, fold A"]


def test_known_empty_films_are_in_no_figure_of_detection(planted):
    films, scores = planted()
    found = figures(films, scores)
    assert "radiography" not in found
    assert found[KNOWN_EMPTY]["infected area > 1%, films"].value == 0.0
    assert found[KNOWN_EMPTY]["infected area > 1%, films"].n == 40


def test_the_validation_set_counts_by_its_worse_model(planted):
    films, scores = planted()
    found = figures(films, scores)
    floor = Limit(films=VALIDATION, figure="lung Dice", at_least=0.85)
    assert worst(found, floor).value == pytest.approx(0.8)
    ceiling = Limit(films=VALIDATION, figure="lung Dice", at_most=0.95)
    assert worst(found, ceiling).value == pytest.approx(0.9)
    absent = Limit(films="elsewhere", figure="lung Dice", at_least=0)
    assert np.isnan(worst(found, absent).value) and not absent.met(worst(found, absent).value)
    chosen = selection(films, scores, found, [floor, ceiling, absent], draws=20)
    assert chosen.missed == (str(floor), str(absent))


def test_the_number_is_1_for_truth_and_grows_with_the_model(planted):
    values = []
    for good in (0.0, 0.5, 1.0):
        films, scores = planted(good)
        chosen = selection(films, scores, figures(films, scores), (), draws=200)
        assert chosen.value.low <= chosen.value.value <= chosen.value.high
        assert len(chosen.parts) == 4
        mean = np.mean([part.value for part in chosen.parts.values()])
        assert chosen.value.value == pytest.approx(mean)
        values.append(chosen.value.value)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1.0, abs=0.01)


def test_a_part_that_no_film_speaks_of_leaves_the_number_unknown(planted):
    films, _ = planted()
    chosen = selection(films, [], figures(films, []), (), draws=20)
    assert np.isnan(chosen.value.value)
    assert sum(np.isnan(part.value) for part in chosen.parts.values()) == 1


def test_every_score_is_a_column_of_the_table():
    assert set(SCORES.values()) <= set(FilmTable.of([]).values)


def test_the_error_of_shares_is_that_of_films_with_drawn_areas(planted):
    films, scores = planted()
    v, text = films.table.values, films.table.text
    mine = (text["source"] == "cohen") & (text["class"] == "covid19")
    v["opaque_share_true"][mine] = v["opaque_share_predicted"][mine] - 0.05
    v["infected_share_true"] = v["infected_share_predicted"] - np.where(mine, 0.03, -0.1)
    v["infected_share_true"][np.flatnonzero(mine)[0]] = np.nan
    found = figures(films, scores)["cohen"]
    opaque = found["bias of opaque fraction, COVID-19 films"]
    assert (opaque.value, opaque.n) == (pytest.approx(0.05), mine.sum())
    infected = found["bias of infected fraction, COVID-19 films"]
    assert (infected.value, infected.n) == (pytest.approx(0.03), mine.sum() - 1)
    for side in ("lower", "upper"):  # all differences are the same
        limit = found[f"{side} limit of agreement of infected fraction, COVID-19 films"]
        assert limit.value == pytest.approx(0.03)
    other = (text["source"] == "cohen") & (text["class"] == "other_pneumonia")
    d = (v["opaque_share_predicted"] - v["opaque_share_true"])[other]
    upper = found["upper limit of agreement of opaque fraction, other diagnoses"]
    assert upper.value == pytest.approx(d.mean() + 1.96 * d.std(ddof=1))
    assert "bias of infected fraction, other diagnoses" not in found
