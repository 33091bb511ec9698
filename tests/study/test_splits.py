"""Tests of `infmap.study.splits`."""

import pytest

from infmap.catalog.snapshot import read_snapshot
from infmap.core.errors import SnapshotError
from infmap.study.config import StudyConfig
from infmap.study.splits import assign_parts, fold_names


def changed(values, **parts):
    return StudyConfig.model_validate({**values, **parts})


@pytest.mark.parametrize("scheme", ["official", "folds"])
def test_splits_tear_no_group_and_score_nothing_that_is_learnt_or_watched(study_values, scheme):
    config = changed(study_values, split={"scheme": scheme, "watch": 0.2})
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    rows[0]["duplicate_group"] = rows[-1]["duplicate_group"]  # a copy of a film of the other source
    for fold in fold_names(config, rows):
        parts = assign_parts(config, rows, fold)
        of = {p: {r["film_id"] for r, q in zip(rows, parts) if p == q} for p in set(parts)}
        assert {"train", "val", "held-out", "external"} <= set(of)
        assert {r["source"] for r in rows if r["film_id"] in of["external"]} == {"cohen"}
        assert rows[0]["film_id"] in (of.get("unused", set()) | of["held-out"])
        if scheme == "official":
            official = {r["film_id"] for r in rows if r["official_split"] == "val"}
            assert of["held-out"] == official
            assert len(of["val"]) == 4  # one in five of 7 with COVID-19 and of 16 without
    if scheme == "folds":
        assert fold_names(config, rows) == ("fold0", "fold1")


def test_a_source_left_out_is_external_and_the_rest_is_learnt(study_values):
    stages = [{"epochs": 1, "size": 64, "sources": {"covid-qu-ex": 1, "cohen": 2}}]
    training = {**study_values["training"], "stages": stages}
    config = changed(study_values, split={"scheme": "sources"}, training=training)
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    assert fold_names(config, rows) == ("without-cohen", "without-covid-qu-ex")
    parts = assign_parts(config, rows, "without-covid-qu-ex")
    external = {r["source"] for r, p in zip(rows, parts) if p == "external"}
    assert external == {"covid-qu-ex"} and "train" in parts


def test_a_fold_or_source_that_is_not_there_is_one_line(study_values):
    config = changed(study_values, split={"scheme": "folds", "folds": [7]})
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    with pytest.raises(SnapshotError, match="expected folds 7, has 0, 1"):
        fold_names(config, rows)
    with pytest.raises(SnapshotError, match="no films of covid-qu-ex"):
        fold_names(config, [r for r in rows if r["source"] == "cohen"])
