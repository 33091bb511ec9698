"""Tests of `infmap.catalog.manifests`."""

from __future__ import annotations

import pytest

from infmap.catalog.manifests import as_about, as_manifest, version_in

ABOUT = {"version": 3, "sha256": "0" * 64, "catalog": "/c", "roots": {"cohen": "/d"}}
EMPTY = {"version": 3, "generation": 0, "tables": {}, "roots": {}, "sources": {}, "settings": {}}


def test_a_whole_manifest_is_taken_as_it_is():
    table = {"file": "films-000001.parquet", "rows": 2, "sha256": "0" * 64}
    whole = EMPTY | {"tables": {"films": table}, "settings": {"split": {"seed": 3}}}
    assert as_manifest(whole) == whole


@pytest.mark.parametrize("key", EMPTY)
def test_a_manifest_without_a_key_is_refused(key):
    with pytest.raises(ValueError, match=key):
        as_manifest({name: value for name, value in EMPTY.items() if name != key})


def test_a_table_without_its_checksum_is_refused():
    with pytest.raises(ValueError, match="sha256"):
        as_manifest(EMPTY | {"tables": {"films": {"file": "films-000001.parquet", "rows": 2}}})


def test_what_a_snapshot_says_beyond_the_known_keys_is_kept():
    whole = ABOUT | {"files": {"films.parquet": {"sha256": "1" * 64}}, "hospital": "north"}
    assert as_about(whole) == whole


@pytest.mark.parametrize("key", ABOUT)
def test_a_snapshot_without_a_required_key_is_refused(key):
    with pytest.raises(ValueError, match=key):
        as_about({name: value for name, value in ABOUT.items() if name != key})


@pytest.mark.parametrize("value", [{}, {"version": "3"}, {"version": None}])
def test_a_file_that_states_no_version_is_refused(value):
    assert version_in(EMPTY) == 3
    with pytest.raises(ValueError, match="version"):
        version_in(value)
