"""Tests of `infmap.sources.headers`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import siim_covid19

sys.path.insert(0, str(Path(__file__).parent))
from layouts_b import LAYOUTS  # noqa: E402
from reading import found  # noqa: E402


def test_a_header_that_cannot_be_read_leaves_its_film_to_ingest(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    next(tmp_path.glob("train/0/*/*.dcm")).write_bytes(b"no film")
    record = found(siim_covid19.SOURCE, tmp_path)["a0.dcm"]
    assert (record.patient_id, record.sex, record.age) == ("siim-covid19:0", None, None)
