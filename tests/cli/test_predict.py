"""Tests of `infmap.cli.predict`."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.phantom import sample_films

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for name, film in sample_films()[:3]:
        Image.fromarray((film.pixels * 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def rows(out):
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_predict_writes_all_that_the_contract_names(films, tmp_path, capsys):
    assert call("predict", films, "-o", tmp_path / "out") == 0
    lines = rows(tmp_path / "out")
    assert [line["status"] for line in lines] == ["ok"] * 3
    for line in lines:
        for folder in ("maps", "masks", "lungs"):
            with Image.open(tmp_path / "out" / folder / f"{line['id']}.png") as plane:
                assert plane.size == (line["width"], line["height"]) and plane.mode == "L"
        assert set(line["zones"]) == set("ABCDEF")
        low, high = line["severity"]["interval"]
        assert 0 <= low <= line["severity"]["extent_score"] <= high <= 8
    assert (tmp_path / "out" / "results.csv").read_text().count("\n") == 4
    assert "esearch use only" in (tmp_path / "out" / "report.html").read_text()
    assert "report.html" in capsys.readouterr().out


def bad_inputs():
    path = Path(__file__).parents[1] / "dicom" / "bad_inputs.py"
    spec = importlib.util.spec_from_file_location("bad_inputs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_forty_bad_inputs_beside_ten_good_ones(films, tmp_path, capfd):
    folder = tmp_path / "mixed"
    folder.mkdir()
    bad = bad_inputs().make_bad_inputs(folder)
    good = sorted(films.iterdir())
    for i in range(10):
        (folder / f"good{i}.png").write_bytes(good[i % 3].read_bytes())
    assert len(bad) == 40
    assert call("predict", folder, "-o", tmp_path / "out") == 3
    lines = rows(tmp_path / "out")
    assert [line["id"] for line in lines if line["status"] == "ok"] == [
        f"good{i}" for i in range(10)
    ]
    others = [line for line in lines if line["status"] != "ok"]
    assert len(others) == 39  # a PDF document beside films is skipped, and counted
    for line in others:
        assert line["reason"] and "\n" not in line["reason"]
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err and "1 other file skipped" in printed.out


def test_a_stopped_run_goes_on_where_it_stopped(films, tmp_path):
    out = tmp_path / "out"
    assert call("predict", films, "-o", out, "--quiet") == 0
    whole = rows(out)
    results = out / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[:1]) + '{"id": "cu')
    assert call("predict", films, "-o", out, "--resume", "--quiet") == 0
    assert [line["id"] for line in rows(out)] == [line["id"] for line in whole]
    assert rows(out)[0]["seconds"] == whole[0]["seconds"]
    one = sorted(films.iterdir())[1]
    assert call("predict", one, "-o", out, "--resume", "--quiet") == 0
    assert [line["path"] for line in rows(out)] == [str(one)]


def test_doubt_is_written_only_when_asked(films, tmp_path):
    film = sorted(films.iterdir())[0]
    assert call("predict", film, "-o", tmp_path / "plain", "--quiet") == 0
    assert not (tmp_path / "plain" / "doubt").exists()
    assert call("predict", film, "-o", tmp_path / "out", "--doubt", "--quiet") == 0
    (line,) = rows(tmp_path / "out")
    with Image.open(tmp_path / "out" / "doubt" / f"{line['id']}.png") as plane:
        assert plane.size == (line["width"], line["height"]) and plane.mode == "L"
    assert 'value="doubt"' in (tmp_path / "out" / "report.html").read_text()
    assert 'value="doubt"' not in (tmp_path / "plain" / "report.html").read_text()


def test_json_prints_the_lines(films, tmp_path, capsys):
    assert call("predict", films, "-o", tmp_path, "--json") == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == rows(tmp_path)
