import csv
import json

import pytest

from infmap.cli.main import main

COLUMNS = ("film_id", "source", "group", "patient", "class", "set", "tp", "fp", "fn", "tn",
           "covid_probability", "covid_detected")  # fmt: skip


def call(verb, arguments):
    with pytest.raises(SystemExit) as ended:
        main([verb, *arguments])
    return ended.value.code


def run_folder(folder, found, sure):
    """A run on twenty films, of which it finds a share of the truth and detects some."""
    folder.mkdir()
    with (folder / "films.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for i in range(20):
            covid = i < 10
            tp = int(found * 100) + i if covid else 0
            yes = covid and i < sure
            kind = "covid19" if covid else "normal"
            writer.writerow([f"f{i}", "s", f"p{i}", f"p{i}", kind, "held-out", tp, 5,
                             150 - tp if covid else 0, 845 if covid else 995,
                             0.9 if yes else 0.1, "true" if yes else "false"])  # fmt: skip
    return folder


def test_the_better_run_is_named(tmp_path, capsys):
    good, bad = run_folder(tmp_path / "good", 1.2, 10), run_folder(tmp_path / "bad", 0.3, 2)
    assert call("study", ["compare", str(good), str(bad)]) == 0
    out = capsys.readouterr().out
    assert "good localizes infection better than bad" in out
    assert "good detects COVID-19 better" in out
    assert call("study", ["compare", str(bad), str(good), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differences"]["infection_f1"]["high"] < 0
    assert found["detection"] == {"only_first": 0, "only_second": 8, "p": 2 / 2**8, "n": 20}
    assert found["verdict"].startswith("good localizes")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.yaml", "-o", "study"], "none.yaml: cannot be read"),
        (["report", "nowhere"], "nowhere: holds no study"),
        (["compare", "a", "b"], "cannot be read"),
        (["run", "none.yaml"], "--out"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call("study", arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_former_name_of_the_verb_is_understood(tmp_path, capsys):
    good = run_folder(tmp_path / "good", 1.2, 10)
    assert call("benchmark", ["compare", str(good), str(good)]) == 0
    assert "good minus good, 20 films" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["run", "score", "collect", "report", "compare"])
def test_every_help_has_an_example(verb, capsys):
    call("study", [verb, "--help"])
    assert f"Example: infmap study {verb}" in " ".join(capsys.readouterr().out.split())
