"""A true study, through the command: run, report, compare, and what lies in its folder."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import yaml

from infmap.cli.main import _run
from infmap.study.paper import paper_tables
from infmap.study.scoring import Points
from infmap.study.study import Study, read_csv
from infmap.study.training_log import Diverged, TrainingLog
from infmap.study.worker import execute

SEGMENTATION = "unet-efficientnet_lite0-trained-official-seed0"
CLASSIFIER = "classifier-efficientnet_lite0-trained-official-seed0"


@pytest.fixture(scope="module")
def study(study_values, tmp_path_factory):
    for name in ("matplotlib", "pytorch_grad_cam"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: the report or the activation maps need it")
    folder = tmp_path_factory.mktemp("true")
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study_values))
    assert _run("study", ["run", str(file), "-o", str(folder / "study")]) == 0
    return folder / "study"


def test_a_run_folder_holds_all_that_the_run_was(study):
    for run in (SEGMENTATION, CLASSIFIER):
        names = {path.name for path in (study / "runs" / run).iterdir()}
        assert {"config.yaml", "environment.json", "log.jsonl", "weights.safetensors", "films.csv",
                "result.json", "status.json", "timing.json", "manifest.json"} <= names  # fmt: skip
    environment = json.loads((study / "runs" / SEGMENTATION / "environment.json").read_text())
    assert environment["packages"]["torch"] and environment["cores"]
    assert (
        json.loads((study / "runs" / SEGMENTATION / "status.json").read_text())["state"] == "done"
    )


def test_films_of_both_kinds_of_source_are_scored_apart(study):
    films = read_csv(study / "runs" / SEGMENTATION / "films.csv")
    assert {(f["set"], f["source"]) for f in films} == {
        ("held-out", "covid-qu-ex"), ("external", "cohen")}  # fmt: skip
    assert sum(f["set"] == "held-out" for f in films) == 12
    assert all(int(f["tp"]) + int(f["fp"]) + int(f["fn"]) + int(f["tn"]) == 64 * 64 for f in films)
    learnt = (study / "runs" / SEGMENTATION / "films.txt").read_text().splitlines()
    assert not {f["film_id"] for f in films} & set(learnt)
    (row,) = (r for r in read_csv(study / "results.csv") if r["run"] == SEGMENTATION)
    assert 0 <= float(row["infection_f1_low"]) <= float(row["infection_f1_high"]) <= 1
    assert row["external_cohen_infection_f1"] != "" and float(row["parameters"]) > 1e6
    assert list(row)[:6] == ["run", "decoder", "encoder", "frozen", "fold", "seed"]
    assert not any("_ms" in name or name.endswith("_s") for name in row)


def test_activation_maps_are_paired_with_the_segmentation_of_their_encoder(study):
    rows = read_csv(study / "activation_maps.csv")
    assert [(r["source"], r["set"]) for r in rows] == [
        ("covid-qu-ex", "held-out"), ("cohen", "external")]  # fmt: skip
    row = rows[0]
    assert (row["run"], row["method"], row["against"]) == (CLASSIFIER, "gradcam", SEGMENTATION)
    assert float(row["f1_gap_low"]) <= float(row["f1_gap"]) <= float(row["f1_gap_high"])
    assert row["f1_gap_films"] == "12" and 0 <= float(row["pointing"]) <= 1
    assert rows[1]["f1_gap_films"] == "6" and 0 <= float(rows[1]["energy_in_infection"]) <= 1
    blank = next(f for f in read_csv(study / "runs" / CLASSIFIER / "films.csv"))
    assert blank["tp"] == "" and blank["covid_probability"] != ""


def test_the_table_is_made_anew_from_the_runs_alone(study, capsys):
    before = (study / "results.csv").read_text()
    (study / "results.csv").unlink()
    assert _run("study", ["report", str(study)]) == 0
    assert (study / "results.csv").read_text() == before
    page = Path(capsys.readouterr().out.removeprefix("report: ").strip()).read_text()
    for text in ("Research use only", SEGMENTATION, CLASSIFIER, "cohen: left out of training",
                 "Infection maps against activation maps", "119,316 films"):  # fmt: skip
        assert text in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("data:image/svg+xml") >= 5 and "data:image/png" in page
    latex = (study / "report" / "segmentation.tex").read_text()
    assert r"\toprule" in latex and r"efficientnet\_lite0" in latex
    (row,) = read_csv(study / "report" / "segmentation.csv")
    assert row["run"] == SEGMENTATION and row["infection_f1"]


def test_a_grown_study_is_prepared_without_starting_a_run(study_values, tmp_path, capsys):
    file = tmp_path / "study.yaml"
    cell = SEGMENTATION.removesuffix("-official-seed0")
    for repeats, said in (({}, "2 runs: 2 waiting"), ({cell: [1]}, "3 runs: 3 waiting")):
        values = {**study_values, "grid": {**study_values["grid"], "repeats": repeats}}
        file.write_text(yaml.safe_dump(values))
        out = tmp_path / "study"
        assert _run("study", ["run", str(file), "-o", str(out), "--prepare"]) == 0
        assert said in capsys.readouterr().out
    assert not list((out / "runs").iterdir())
    assert [run.id for run in Study(out).runs][2:] == [f"{cell}-official-seed1"]


def test_two_runs_are_compared_on_the_films_they_share(study, capsys):
    one, other = study / "runs" / SEGMENTATION, study / "runs" / CLASSIFIER
    assert _run("study", ["compare", str(one), str(one), "--json"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert same["films"] == 12 and same["differences"]["infection_f1"]["value"] == 0
    assert "No run demonstrably localizes infection better" in same["verdict"]
    assert _run("study", ["compare", str(one), str(other)]) == 0
    assert "detection_auroc" in capsys.readouterr().out


def test_a_run_killed_after_training_is_only_scored_again(study, tmp_path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    folder = copy / "runs" / SEGMENTATION
    expected, log = (folder / "films.csv").read_text(), (folder / "log.jsonl").read_text()
    for name in ("status.json", "films.csv", "result.json"):
        (folder / name).unlink()
    from infmap.study.worker import train_and_score

    opened = Study(copy)
    assert execute(opened, opened.run(SEGMENTATION), train_and_score) == 0
    assert (folder / "films.csv").read_text() == expected
    assert (folder / "log.jsonl").read_text() == log


def test_a_run_of_an_earlier_scoring_is_scored_again_and_no_other(study, tmp_path, capsys):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    file = copy / "runs" / CLASSIFIER / "result.json"
    today, log = file.read_text(), (file.parent / "log.jsonl").read_text()
    old = json.loads(today)
    del old["scoring"], old["held_out"]
    file.write_text(json.dumps(old))
    (file.parent / "films.csv").unlink()
    assert _run("study", ["score", str(copy)]) == 0
    assert "1 runs scored" in capsys.readouterr().out
    assert file.read_text() == today and (file.parent / "log.jsonl").read_text() == log
    assert _run("study", ["score", str(copy), "--time", "1"]) == 0
    assert "0 runs scored" in capsys.readouterr().out
    assert set(Study(copy).speeds()["networks"]) == {SEGMENTATION, CLASSIFIER}


def test_a_collected_study_gives_the_same_tables_without_networks_and_paths(study, tmp_path):
    kept = tmp_path / "kept"
    assert _run("study", ["collect", str(study), "-o", str(kept)]) == 0
    before = {name: (study / name).read_text() for name in ("results.csv", "activation_maps.csv")}
    assert _run("study", ["report", str(kept)]) == 0
    # Also the intervals, which depend on the order of the patients.
    assert {name: (kept / name).read_text() for name in before} == before
    whole, packed = (Study(folder) for folder in (study, kept))
    run = whole.run(SEGMENTATION)
    one, other = whole.films(run), packed.films(run)
    assert one.text["film_id"].tolist() == other.text["film_id"].tolist()
    for name in ("tp", "fn", "covid_detected", "map_area", "map_detected"):
        assert one.values[name].tolist() == other.values[name].tolist()
    text = "".join(file.read_text() for file in kept.rglob("*.json"))
    assert str(study.parent) not in text and not list(kept.rglob("*.safetensors"))


def test_a_model_beside_is_scored_on_films_that_it_was_not_trained_on(study, tmp_path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    model = copy / "runs" / SEGMENTATION
    assert _run("study", ["score", str(copy), "--beside", str(model)]) == 0
    (found,) = Study(copy).beside()
    assert found["size"] == 64 and found["trained_on"] == {}
    assert found["held_out"]["covid-qu-ex"]["infection_f1"]["n"] == 12
    # A film that it was trained on is left out, and counted.
    with (model / "films.txt").open("a") as stream:
        stream.write("cohen/normal-None-0\n")
    assert _run("study", ["score", str(copy), "--beside", str(model)]) == 0
    (found,) = Study(copy).beside()
    assert found["trained_on"] == {"cohen": 1}
    assert found["external"]["cohen"]["infection_f1"]["n"] == 5
    tables = {table.name: table for table in paper_tables(Study(copy))}
    assert "trained on, or copies of them: 1 of Cohen" in tables["activation"].note
    assert tables["activation"].rows[-1][1] == "infection map, 64 pixels"


def test_detection_is_read_from_the_amount_and_from_the_pixels_of_the_map(study):
    films = read_csv(study / "runs" / SEGMENTATION / "films.csv")
    result = json.loads((study / "runs" / SEGMENTATION / "result.json").read_text())
    least = result["thresholds"]["least_area"]
    for film in films:
        assert (film["map_any"] == "true") == (int(film["map_area"]) >= 1)
        assert (film["map_detected"] == "true") == (int(film["map_area"]) >= least)
    for rule in ("detection", "any_detection", "map_detection"):
        figure = result["held_out"]["covid-qu-ex"][f"{rule}_specificity"]
        assert figure["n"] == 8 and figure["low"] <= figure["value"] <= figure["high"]


def test_a_result_of_an_earlier_version_is_read_under_todays_names(study, tmp_path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    file = copy / "runs" / SEGMENTATION / "result.json"
    opened = Study(copy)
    today = opened.result(opened.run(SEGMENTATION))
    old = json.loads(file.read_text())
    old["budget"]["films_learnt_from"] = old["budget"].pop("training_films")
    file.write_text(json.dumps(old))
    assert opened.result(opened.run(SEGMENTATION)) == today
    assert today["budget"]["training_films"] > 0


def test_a_loss_that_stays_without_a_number_ends_the_run(tmp_path):
    with TrainingLog(tmp_path / "log.jsonl") as log:
        log({"step": 1, "loss": float("nan")})
        log({"step": 2, "loss": 0.5})
        log({"step": 3, "loss": float("nan")})
        log({"step": 4, "loss": float("nan")})
        with pytest.raises(Diverged):
            log({"step": 5, "loss": float("inf")})
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert records[0]["loss"] is None and records[1]["loss"] == 0.5


def test_constant_maps_that_find_nothing_are_a_divergence(monkeypatch):
    import numpy as np

    from infmap.study import scoring
    from infmap.training.dataset import Films

    masks = np.full((4, 64, 64), 1, np.uint8)
    films = Films([{}] * 4, masks, masks, np.ones((4, 3), np.uint8), np.array([0, 1, 0, 1]))
    maps = np.zeros((4, 3, 64, 64), np.uint8)
    answer = (maps, np.zeros((4, 3), np.float32))
    monkeypatch.setattr(scoring, "predict_films", lambda *_: answer)

    class Scorer:
        network = config = None

        def part(self, _):
            return []

        def load(self, _):
            return films

    with pytest.raises(Diverged, match="everywhere"):
        scoring.choose_points(Scorer(), classifier=False)
    assert isinstance(scoring.choose_points(Scorer(), classifier=True), Points)
