"""benchmarks/external.py: from a snapshot and models to figures, tables and pictures."""

import importlib
import json

import pytest
import yaml

DESIGN = {
    "folds": [
        {"name": "A", "left_out": [{"source": "cohen", "half": 0}]},
        {"name": "B", "left_out": [{"source": "cohen", "half": 1}]},
    ],
    "floors": [{"films": "validation", "figure": "lung Dice", "at_least": 0.01}],
    "bars": [{"films": "validation", "figure": "lung Dice", "at_least": 1.01}],
}


@pytest.fixture
def external(pytestconfig, monkeypatch, tmp_path):
    """Runs the benchmark with a design of two halves; gives its exit status."""
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "benchmarks"))
    module = importlib.import_module("external")
    design = tmp_path / "design.yaml"
    design.write_text(yaml.safe_dump(DESIGN))

    def run(*words):
        monkeypatch.setattr("sys.argv", ["external.py", "--design", str(design), *map(str, words)])
        return module.main()

    return run


def test_lists_name_every_film_once(external, snapshot, tmp_path):
    assert external("lists", snapshot, "-o", tmp_path / "lists") == 0
    names = [(tmp_path / "lists" / f"{fold}.txt").read_text().splitlines() for fold in "AB"]
    assert sorted(names[0] + names[1]) == sorted(
        f"cohen/{kind}-None-{i}" for kind in ("covid19", "pneumonia", "normal") for i in (0, 1)
    )
    assert all(name.endswith("0") for name in names[0])


def test_the_shipped_model_is_scored_and_its_tables_go_into_a_page(
    external, snapshot, tmp_path, monkeypatch
):
    words = ("score", snapshot, "A=infmap-lite0", "B=infmap-lite0", "--cache", tmp_path / "cache")
    assert external(*words, "-o", tmp_path / "out", "--sheet", tmp_path / "sheet") == 0
    first = (tmp_path / "out" / "figures.json").read_text()
    values = json.loads(first)
    assert {fold["left_out"] for fold in values["folds"].values()} == {3}
    assert all(fold["left_out_but_trained_on"] == 0 for fold in values["folds"].values())
    assert values["figures"]["validation, fold A"]["lung Dice"][0] > 0.5
    assert values["selection"]["missed_floors"] == []
    # What networks said is kept: the second time no network is opened, and nothing changes.
    with monkeypatch.context() as patch:
        patch.delattr("infmap.training.calibration.open_runtime")
        assert external(*words, "-o", tmp_path / "again") == 0
    assert (tmp_path / "again" / "figures.json").read_text() == first
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- external: begin -->\nold\n<!-- external: end -->\nafter\n")
    assert external("tables", f"one={tmp_path / 'out'}", "--into", page) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "\nold\n" not in text
    assert "| validation | lung Dice | ≥ 1.01 |" in text and "missed" in text


def test_a_model_of_the_films_themselves_is_refused(external, snapshot, tmp_path, capsys):
    import shutil

    from infmap.api import model_folder

    folder = tmp_path / "model"
    shutil.copytree(model_folder("infmap-lite0"), folder)
    with (folder / "films.txt").open("a") as file:
        file.write("cohen/covid19-None-0\n")
    words = ("score", snapshot, f"A={folder}", "B=infmap-lite0", "-o", tmp_path / "out")
    assert external(*words) == 2
    assert "was trained on 1 films that fold A leaves out" in capsys.readouterr().err
    assert external("score", snapshot, "A=infmap-lite0", "-o", tmp_path / "out") == 2
    assert "A=MODEL B=MODEL" in capsys.readouterr().err
