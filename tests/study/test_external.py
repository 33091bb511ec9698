"""Each source is judged by a model that left it out; one number says which model is better."""

import numpy as np
import pytest

from infmap.core.errors import SnapshotError, UsageError
from infmap.study.by_source import (
    KNOWN_EMPTY,
    LEFT_OUT,
    SCORES,
    VALIDATION,
    ScoredFilms,
    figures,
    selection,
    worst,
)
from infmap.study.external import External, Fold, Limit, Part, left_out, read_external
from infmap.study.films import FilmTable
from infmap.study.severity import extents_by_others, readings_of, severity_figures
from infmap.study.strata import strata_figures

PROBABILITY = "AUROC against healthy films left out, probability"


def film(name, source, kind, fold="A", part=LEFT_OUT, **values):
    given = {"film_id": f"{source}/{name}", "source": source, "group": f"{source}/{name}"}
    return given | {"class": kind, "set": part, "fold": fold, **values}


def scored(rows):
    empty = np.array([row["class"] is None for row in rows])
    return ScoredFilms(FilmTable.of(rows), np.array([row["fold"] for row in rows]), empty)


def planted(good=1.0, seed=0):
    """Two sources of sick films by two models, healthy and known-empty films; and scores.

    The better a model, 0 to 1, the nearer are its maps to the truth.
    """
    random = np.random.default_rng(seed)
    rows, scores = [], []

    def noisy(truth):
        return float(np.clip(good * truth + (1 - good) * random.random(), 0, 1))

    for i in range(120):
        fold, source = ("A", "general") if i % 2 else ("B", "cohen")
        kind = ("covid19", "other_pneumonia", "normal")[i % 3]
        truth = 0.0 if kind == "normal" else (i % 40 + 4) / 50
        share, probability = noisy(truth), noisy(float(kind == "covid19"))
        drawn = {"dice": noisy(1.0), "opacity_dice": noisy(1.0), "tp": 5, "fp": 0, "fn": 5,
                 "tn": 9, "opaque_share_true": 0.2}  # fmt: skip
        rows.append(film(
            i, source, kind, fold, covid_probability=probability, covid_detected=probability > 0.5,
            infected_share_predicted=share, opaque_share_predicted=share, infection_mean=share,
            opacity_mean=share, opacity_right=share, opacity_left=share, class_log_odds=probability,
            **(drawn if kind != "normal" else {}),
        ))  # fmt: skip
        if source == "cohen":
            for name, reader, top in (
                ("brixia_global", "senior", 18), ("geographic_extent", "mean", 8),
                ("brixia_A", "senior", 3),
            ):  # fmt: skip
                scores.append({"film_id": f"cohen/{i}", "name": name, "reader": reader,
                               "value": round(truth * top)})  # fmt: skip
    for i in range(40):
        share = noisy(0.0)
        rows.append(film(i, "radiography", None, "AB"[i % 2], infected_share_predicted=share,
                         opaque_share_predicted=share, covid_detected=share > 0.5,
                         covid_probability=share))  # fmt: skip
    for fold in "AB":
        for i in range(20):
            sick = i % 2 == 1
            rows.append(film(i, "qu-ex", "covid19" if sick else "normal", fold, VALIDATION,
                             covid_probability=noisy(sick), covid_detected=sick, tp=8 * sick,
                             fp=1, fn=2, tn=50, lung_dice=0.9 if fold == "A" else 0.8,
                             infected_share_predicted=0.1, opaque_share_predicted=0.1))  # fmt: skip
    return scored(rows), scores


def test_films_are_left_out_by_source_path_and_half():
    rows = [
        {"source": "r", "path": f"{kind}/images/{kind}-{i}.png", "film_id": f"r/{kind}-{i}"}
        for kind in ("COVID", "Normal")
        for i in range(4)
    ] + [{"source": "s", "path": "a2/film.png", "film_id": "s/film"}]
    fold = Fold(name="A", left_out=(Part(source="r", path="*COVID/images/*", half=1),))
    assert [r["film_id"] for r in left_out(rows, fold)] == ["r/COVID-1", "r/COVID-3"]
    # The number is the file's, not the folder's; a name without one is in half 0.
    assert Part(source="s", half=0).holds(rows[-1]) and not Part(source="s", half=1).holds(rows[-1])
    with pytest.raises(SnapshotError, match="fold B: expected films of t"):
        left_out(rows, Fold(name="B", left_out=(Part(source="t"),)))


def test_the_shipped_design_leaves_every_source_out_once(pytestconfig):
    design = read_external(pytestconfig.rootpath / "configs" / "external.yaml")
    parts = [str(part) for fold in design.folds for part in fold.left_out]
    assert len(set(parts)) == len(parts) and len(design.folds) == 2
    halves = {p[:-1] for p in parts if ", half" in p}
    assert all(f"{name}{half}" in parts for name in halves for half in (0, 1))
    assert design.bars and design.floors


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"folds": []}, "folds"),
        ({"folds": [{"name": "A", "left_out": [{"source": "a"}]}] * 2}, "names that differ"),
        ({"folds": [{"name": "A", "left_out": [{"source": "a", "half": 2}]}]}, "half"),
        (
            {
                "folds": [{"name": "A", "left_out": [{"source": "a"}]}],
                "bars": [{"films": "a", "figure": "b", "at_least": 1, "at_most": 2}],
            },
            "at_least or at_most",
        ),
    ],
)
def test_a_wrong_design_is_one_line(values, message, tmp_path):
    import yaml

    file = tmp_path / "external.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(UsageError, match=message) as refused:
        read_external(file)
    assert "\n" not in str(refused.value)


def test_a_source_stands_against_healthy_films_that_the_same_model_left_out():
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


def test_known_empty_films_are_in_no_figure_of_detection():
    films, scores = planted()
    found = figures(films, scores)
    assert "radiography" not in found
    assert found[KNOWN_EMPTY]["infected area > 1%, films"].value == 0.0
    assert found[KNOWN_EMPTY]["infected area > 1%, films"].n == 40


def test_the_validation_set_counts_by_its_worse_model():
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


def test_the_number_is_1_for_truth_and_grows_with_the_model():
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


def test_a_part_that_no_film_speaks_of_leaves_the_number_unknown():
    films, _ = planted()
    chosen = selection(films, [], figures(films, []), (), draws=20)
    assert np.isnan(chosen.value.value)
    assert sum(np.isnan(part.value) for part in chosen.parts.values()) == 1


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


def test_severity_is_of_whole_lungs_and_needs_readings():
    films, scores = planted()
    table = films.of_source("cohen").table
    found = severity_figures(table, scores, np.zeros((3, 2)))
    assert found["r of brixia_global (senior) with mean opacity"].value > 0.95
    assert 0 <= found["interval of extent, coverage"].value <= 1
    assert found["interval of extent, median width"].value <= 8
    assert ("brixia_A", "senior") not in readings_of(table.text["film_id"], scores)
    assert severity_figures(films.of_source("general").table, scores, np.zeros((3, 2))) == {}


def test_view_sex_and_age_are_parts_of_a_source():
    films, _ = planted()
    rows = [
        {"film_id": str(name), "view": ("AP Supine", "PA", None, "L")[i % 4],
         "sex": "FM"[i % 2], "age": float(30 + i % 60)}
        for i, name in enumerate(films.table.text["film_id"])
    ]  # fmt: skip
    found = strata_figures(films, rows)
    names = {name.partition(", ")[2] for name in found}
    assert {"AP", "PA", "below 50 years", "50 to 69 years", "from 70 years"} <= names
    assert all(name.partition(", ")[0] in ("cohen", "general") for name in found)


def test_every_score_is_a_column_of_the_table():
    assert set(SCORES.values()) <= set(FilmTable.of([]).values)
    External.model_validate({"folds": [{"name": "A", "left_out": [{"source": "a"}]}]})
