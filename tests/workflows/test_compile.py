"""The tutorial of docs/compile.md, run as it stands."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from infmap.catalog.snapshot import read_snapshot
from infmap.cli.main import main
from infmap.core.errors import UsageError
from infmap.inference.preprocess import Preprocessing
from infmap.training.pack import find_pack
from infmap.workflows.compile import read_catalog_config

ROOT = Path(__file__).resolve().parents[2]


def compiled(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict]]:
    with pytest.raises(SystemExit) as stopped:
        main(["catalog", "compile", str(config), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return int(stopped.value.code or 0), {line["step"]: line for line in lines}


def block(name: str) -> str:
    """A file that the tutorial shows."""
    text = (ROOT / "docs/compile.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(name)} -->\n```yaml\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    (tmp_path / "compile.yaml").write_text(block("compile.yaml"))
    render = [sys.executable, str(ROOT / "tools/render_source.py"), str(tmp_path / "raw/mine")]
    subprocess.run([*render, "--size", "128"], check=True)
    return tmp_path / "compile.yaml"


def verb(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def trained(folder: Path, **changes: Any) -> int:
    """Train as the tutorial does, for a few steps."""
    settings = yaml.safe_load(block("train.yaml")) | {"size": 64, "phantoms": 4, "int8_loss": None}
    settings |= changes
    settings["stages"] = [{"epochs": 1, "size": 64, "sources": {"folder": 1, "phantom": 1}}]
    settings.setdefault("network", {"weights": "random"})
    (folder / "train.yaml").write_text(yaml.safe_dump(settings))
    return verb("train", folder / "train.yaml", "-o", folder / "model")


def emptied(folder: Path, *columns: str) -> None:
    """Empty columns of the user's table."""
    table = folder / "raw/mine/films.csv"
    with table.open(newline="") as file:
        rows = [row | dict.fromkeys(columns, "") for row in csv.DictReader(file)]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("empty", [(), ("label", "patient_id")])
def test_the_tutorial_ends_in_a_model_that_predicts(tutorial: Path, empty: tuple[str, ...]) -> None:
    folder = tutorial.parent
    emptied(folder, *empty)
    assert verb("catalog", "compile", tutorial) == 0
    assert trained(folder) == 0
    manifest = json.loads((folder / "model/manifest.json").read_text())
    figures = manifest["metrics"]["validation"]
    assert manifest["training"]["finished"] and figures["dice_positive"] is not None
    assert (figures["auroc"] is None) == bool(empty)
    frame, _ = read_snapshot(folder / "snapshot")
    learnt = (folder / "model/films.txt").read_text().split()
    assert sorted(learnt) == sorted(frame.filter(pl.col("split") == "train")["film_id"])
    films = folder / "raw/mine/films"
    assert verb("predict", films, "--model", folder / "model", "-o", folder / "out") in (0, 3)
    lines = (folder / "out/results.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] == "failed" for line in lines] == [False] * 24


@pytest.mark.parametrize(
    ("empty", "changes", "complaint"),
    [
        (("infection_mask",), {}, "infection in its mask"),
        ((), {"batch_size": 50}, "fewer than a step's 50"),
        ((), {"validation_sources": ["cohen"]}, "no film of the part val of cohen"),
        ((), {"hold_out": {"fold": 7}}, "hold_out.fold"),
    ],
)
def test_what_cannot_work_is_one_line_before_the_first_step(
    tutorial: Path, empty: tuple[str, ...], changes: dict[str, Any], complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    emptied(tutorial.parent, *empty)
    assert verb("catalog", "compile", tutorial) == 0
    capsys.readouterr()
    assert trained(tutorial.parent, **changes) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tutorial.parent / "model/checkpoint.pt").exists()


def test_more_folds_than_films_are_refused(
    tutorial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tutorial.write_text(tutorial.read_text().replace("folds: 4", "folds: 500"))
    assert verb("catalog", "compile", tutorial) == 2
    assert "at most 12 folds" in capsys.readouterr().err


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
        ("catalog: c\nsnapshot: s\nsources: {nosuch: x}\n", "unknown source 'nosuch'"),
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
