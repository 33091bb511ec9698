"""Tests of `infmap.export.qata`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.catalog.store import Catalog
from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from exporting import listed, reasons, run  # noqa: E402


def test_qata_reads_back_as_its_own_source(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = run(catalog, "qata", out)
    assert reasons(manifest) == {"it has no split": 1}
    records = {record.path: record for record in SOURCES["qata-cov19"].read(out)}
    films = listed(out)
    train = records[films["a b.png"]["image"]]
    assert (train.covid19, train.official_split) == (True, "train")
    assert train.infection_mask == (
        f"QaTa-COV19/QaTa-COV19-v2/Train Set/Ground-truths/mask_{films['a b.png']['name']}.png"
    )
    assert records[films["deep.png"]["image"]].official_split == "test"
    assert records[films["A_B.png"]["image"]].normal is True
    other = records[films["colour.png"]["image"]]
    assert (other.covid19, other.normal, other.infection_mask) == (False, None, None)
    assert len(records) == 5
