import errno
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from infmap.cli.main import VERBS, main
from infmap.core.errors import UsageError
from infmap.phantom import sample_films
from infmap.workflows.inputs import find_films


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["predict"],
        ["predict", "x.png", "-o", "o", "--threshold", "2"],
        ["predict", "x.png", "-o", "o", "--model", "no-such-model"],
        ["predict", "x.png", "-o", "o", "--device", "quantum"],
        ["train", "no-such.yaml", "-o", "o"],
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("infmap") and error.count("\n") == 1


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(verb, capsys):
    if verb == "catalog":
        pytest.skip("a group of verbs: its own tests cover them")
    assert call(verb, "--help") == 0
    assert "infmap " + verb in capsys.readouterr().out.replace("Usage:", "")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from infmap.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'torch', 'openvino', 'PIL', 'pydicom'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_inputs_are_folders_globs_and_paths_in_order(tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", ".hidden.png", "b/.x/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_films([str(tmp_path / "b"), str(tmp_path / "*.png"), "missing.dcm"])
    names = [Path(p).name for p in found]
    assert names == ["1.png", "2.png", "a.png", "missing.dcm"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no film"):
        find_films([str(tmp_path / "empty")])


def test_doctor_finds_the_reference_outputs(capsys):
    assert call("doctor", "--json") == 0
    checks = json.loads(capsys.readouterr().out)
    outputs = [c for c in checks if c["name"].startswith("outputs")]
    assert outputs and all(c["status"] == "ok" for c in outputs)


def test_doctor_names_decoders_and_what_may_compute(capsys):
    assert call("doctor") == 0
    lines = {line[9:33].strip(): line for line in capsys.readouterr().out.splitlines()}
    for kind in ("JPEG,", "JPEG-LS", "JPEG 2000", "JPEG XL"):
        assert kind in lines["decoders"] and lines["decoders"].startswith("ok")
    for name in ("OpenVINO devices", "torch devices"):
        assert "GPU" in lines[name] or "not installed" in lines[name]
    assert "CPU" in lines["OpenVINO devices"]


def test_doctor_names_a_decoder_that_does_not_work(monkeypatch):
    from infmap.workflows import doctor

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("imagecodecs.jpegls_encode", broken)
    check = doctor.decoders()
    assert check.status == "bad" and "JPEG-LS (RuntimeError)" in check.detail
    assert "JPEG 2000" not in check.detail


def test_demo_prints_where_the_report_lies(tmp_path, capsys):
    assert call("demo", "-o", tmp_path) == 0
    report = Path(capsys.readouterr().out.split("report: ")[1].strip())
    assert report.is_file()


def test_a_place_that_cannot_be_written_is_one_line(capsys, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out/films.parquet")

    module = SimpleNamespace(app=full)
    monkeypatch.setattr("importlib.import_module", lambda _: module)
    with pytest.raises(SystemExit) as stopped:
        main(["catalog"])
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("infmap catalog: out/films.parquet: No space left on device")
    assert line.count("\n") == 1
