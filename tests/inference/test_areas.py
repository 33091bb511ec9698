"""Errors of areas: in words for a reader, in the manifest, and no part of a model's identity."""

import json
from dataclasses import replace

import pytest

from infmap.api import model_folder
from infmap.core.errors import ModelError
from infmap.inference.areas import AreaErrors, MapErrors, ShareError
from infmap.inference.manifest import MANIFEST, Manifest, read_manifest, write_manifest

HIGH = ShareError(
    bias=0.012, low=0.008, high=0.016, lower=-0.094, upper=0.112, within=0.95, films=864
)
LOW = ShareError(
    bias=-0.034, low=-0.071, high=0.0002, lower=-0.3, upper=0.232, within=0.925, films=40
)
ERRORS = AreaErrors(MapErrors(HIGH, LOW), MapErrors(replace(LOW, films=77)), "here, 864 films")


def test_a_sentence_says_how_much_too_high_or_too_low():
    infected, opaque, units = ERRORS.sentences()
    assert infected == (
        "On 864 validation films the infected fraction of the lungs was on average 1.2 points too "
        "high [+0.8, +1.6]; 95% of single films lie between -9 and +11. On the 40 with infection "
        "it was on average 3.4 points too low [-7.1, +0.0]; 92% of single films lie between -30 "
        "and +23."
    )
    assert opaque.startswith(
        "On 77 validation films the opaque fraction of the lungs was on average 3.4 points"
    )
    assert units.endswith("measured at the model's own thresholds on here, 864 films.")
    even = replace(HIGH, bias=-0.0004, low=-0.0004)
    assert str(even).startswith("on average neither too high nor too low [+0.0, +1.6]")
    assert AreaErrors(None, None, "nowhere").sentences() == []


def test_ends_and_limits_are_the_right_way_round():
    for wrong in ({"low": 0.02}, {"lower": 0.2}):
        with pytest.raises(ValueError, match="expected low <= high and lower <= upper"):
            replace(HIGH, **wrong)


def test_a_manifest_keeps_them_and_needs_none(tmp_path):
    manifest = Manifest("m", "1", areas=ERRORS)
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    file = tmp_path / MANIFEST
    values = json.loads(file.read_text())
    values["areas"]["infection"]["all_films"]["bias"] = 1.2
    file.write_text(json.dumps(values))
    with pytest.raises(ModelError, match=r"areas\.infection\.all_films\.bias: expected .* got 1.2"):
        read_manifest(tmp_path)
    del values["areas"]
    file.write_text(json.dumps(values))
    assert read_manifest(tmp_path) == Manifest("m", "1")


def test_measuring_them_leaves_the_model_what_it_is():
    manifest = read_manifest(model_folder())
    assert replace(manifest, areas=None).sha256 == manifest.sha256
    assert replace(manifest, areas=ERRORS).sha256 == manifest.sha256
    assert replace(manifest, version="9").sha256 != manifest.sha256


def test_they_do_not_hold_at_a_point_of_the_users_choice():
    mine = Manifest("m", "1", areas=ERRORS).at(0.2)
    assert (mine.areas, mine.thresholds.infection) == (None, 0.2)


def test_the_shipped_model_says_how_far_its_areas_are_from_drawn_ones():
    areas = read_manifest(model_folder()).areas
    assert areas is not None and areas.infection is not None and areas.opacity is not None
    assert areas.population == f"covid-qu-ex val, {areas.infection.all_films.films} films"
    card = " ".join((model_folder() / "README.md").read_text(encoding="utf-8").split())
    for sentence in areas.sentences():
        assert sentence in card
