"""What verify finds, one damage after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infmap.catalog.ingest import ingest
from infmap.catalog.store import Catalog
from infmap.catalog.verify import MOST, verify
from infmap.core.errors import SnapshotError


@pytest.fixture
def catalog(make_cohen: Callable[..., Path], tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "catalog")
    ingest(catalog, {"cohen": make_cohen(4)})
    assert verify(catalog, deep=True) == []
    return catalog


def film(catalog: Catalog) -> Path:
    row = catalog.films()[0]
    return catalog.resolve(row, row["path"])


def test_a_missing_film_is_found(catalog: Catalog) -> None:
    film(catalog).unlink()
    (finding,) = verify(catalog)
    assert finding.endswith("the film is missing")


def test_a_changed_byte_is_found_by_the_deep_check_only(catalog: Catalog) -> None:
    data = bytearray(film(catalog).read_bytes())
    data[-20] ^= 1
    film(catalog).write_bytes(data)
    assert verify(catalog) == []
    (finding,) = verify(catalog, deep=True)
    assert "not the film that was ingested" in finding


def test_a_changed_table_is_found(catalog: Catalog) -> None:
    path = catalog.path("scores")
    assert path
    path.write_bytes(path.read_bytes() + b" ")
    (finding,) = verify(catalog)
    assert "not as it was written" in finding


def test_a_missing_mask_is_found(catalog: Catalog) -> None:
    rows = catalog.films()
    rows[0]["lung_mask"] = "gone.png"
    catalog.write("films", rows)
    (finding,) = verify(catalog)
    assert "the mask is missing" in finding


def test_a_score_of_no_film_is_found(catalog: Catalog) -> None:
    score = {"film_id": "cohen/none.png", "name": "x", "reader": "r", "value": 1.0}
    catalog.write("scores", [score])
    assert verify(catalog) == ["scores: cohen/none.png is not in films"]


def test_many_findings_are_counted_not_listed(catalog: Catalog) -> None:
    scores = [
        {"film_id": f"x/{n}", "name": "x", "reader": "r", "value": 1.0} for n in range(MOST + 5)
    ]
    catalog.write("scores", scores)
    findings = verify(catalog)
    assert len(findings) == MOST + 1
    assert findings[-1] == "... and 5 more"


def test_no_catalog_is_said(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="ingest"):
        verify(Catalog(tmp_path / "none"))
