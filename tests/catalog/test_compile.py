"""The tutorial of docs/compile.md, run as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from infmap.catalog.compile import read_catalog_config
from infmap.catalog.snapshot import read_snapshot
from infmap.cli.main import main
from infmap.core.errors import UsageError
from infmap.inference.preprocess import Preprocessing
from infmap.training.pack import find_pack

ROOT = Path(__file__).resolve().parents[2]


def compiled(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict]]:
    with pytest.raises(SystemExit) as stopped:
        main(["catalog", "compile", str(config), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return int(stopped.value.code or 0), {line["step"]: line for line in lines}


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    text = (ROOT / "docs/compile.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- compile.yaml -->\n```yaml\n(.*?)```", text, re.DOTALL)
    assert block
    (tmp_path / "compile.yaml").write_text(block[1])
    render = [sys.executable, str(ROOT / "tools/render_source.py"), str(tmp_path / "raw/mine")]
    subprocess.run([*render, "--size", "128"], check=True)
    return tmp_path / "compile.yaml"


def test_the_tutorial_ends_in_a_snapshot_that_training_reads(
    tutorial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, steps = compiled(tutorial, capsys)
    assert status == 0
    assert list(steps) == ["ingest", "dedup", "split", "snapshot", "pack"]
    assert (steps["ingest"]["films"], steps["ingest"]["failures"]) == (24, 0)
    assert steps["dedup"]["pairs"] == 0
    assert sorted(steps["split"]["folds"].values()) == [6, 6, 6, 6]
    frame, _ = read_snapshot(tutorial.parent / "snapshot")
    assert frame["covid19"].sum() == 12
    assert frame.group_by("patient_id").agg(pl.col("fold").n_unique())["fold"].max() == 1
    pack = find_pack(tutorial.parent / "snapshot", Preprocessing(size=128))
    assert pack is not None and len(pack) == 24
    again = compiled(tutorial, capsys)
    assert again[0] == 0
    assert again[1]["snapshot"]["sha256"] == steps["snapshot"]["sha256"]


def test_a_film_that_cannot_be_read_is_told_by_the_exit_status(
    tutorial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tutorial.parent / "raw/mine/films/004.png").write_bytes(b"not a film")
    status, steps = compiled(tutorial, capsys)
    assert status == 3
    assert (steps["ingest"]["films"], steps["ingest"]["failures"]) == (23, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("catalog: c\nsnapshot: s\nsources: {nosuch: x}\n", "no source 'nosuch'"),
        ("catalog: c\nsnapshot: s\nsources: {}\n", "sources"),
        ("catalog: c\nsources: {folder: x}\n", "snapshot"),
        ("catalog: c\nsnapshot: s\nsources: {folder: x}\nfoo: 1\n", "foo"),
        ("catalog: [", "is not YAML"),
    ],
)
def test_a_wrong_configuration_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=complaint) as refused:
        read_catalog_config(path)
    assert "\n" not in str(refused.value)
