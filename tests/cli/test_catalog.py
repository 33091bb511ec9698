"""Tests of `infmap.cli.catalog`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402


def test_sources_lists_every_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("catalog", "sources", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert {source["name"] for source in listed} == set(SOURCES)
    assert call("catalog", "sources") == 0
    shown = capsys.readouterr().out
    assert [name for name in SOURCES if name not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "CATALOG", "--source", "cohen"), "NAME=DIR"),
        (("ingest", "CATALOG", "--source", "nobody=."), "nobody"),
        (("fetch", "covid-qu-ex", "-o", "OUT"), "cannot be fetched"),
        (("fetch", "nobody", "-o", "OUT"), "nobody"),
        (("snapshot", "CATALOG", "-o", "OUT"), "expected a catalog"),
        (("diff", "CATALOG", "CATALOG"), "found neither"),
        (("verify", "CATALOG"), "expected a catalog"),
        (("split", "CATALOG", "--fraction", "train"), "train"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_one_line_and_status_2(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"CATALOG": tmp_path / "catalog", "OUT": tmp_path / "out"}
    assert call("catalog", *(places.get(a, a) for a in arguments)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not any(path.exists() for path in places.values())
