import csv
import importlib.util
import json
import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
if importlib.util.find_spec("pytorch_grad_cam") is None:
    pytest.skip("grad-cam is not installed", allow_module_level=True)

from infmap.api import model_folder  # noqa: E402
from infmap.cli.explain import app  # noqa: E402
from infmap.core.errors import MissingExtra, ModelError, UsageError  # noqa: E402
from infmap.phantom import sample_films  # noqa: E402


def call(*arguments):
    return app([str(a) for a in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for name, film in sample_films()[:2]:
        pixels = film.pixels[:, 8:-8]
        Image.fromarray((pixels * 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def rows(out):
    return [json.loads(line) for line in (out / "explain.jsonl").read_text().splitlines()]


def test_maps_overlays_and_a_table_are_written(films, tmp_path, capsys):
    out = tmp_path / "out"
    assert call(films, "-o", out, "--method", "gradcam", "--method", "layercam") == 0
    lines = rows(out)
    assert [line["status"] for line in lines] == ["ok", "ok"]
    for line, path in zip(lines, sorted(films.iterdir())):
        with Image.open(path) as film:
            width, height = film.size
        for method in ("gradcam", "layercam"):
            with Image.open(out / "activation" / method / f"{line['id']}.png") as plane:
                assert plane.size == (width, height) and plane.mode == "L"
        with Image.open(out / "overlays" / f"{line['id']}.png") as sheet:
            assert sheet.width == 3 * width and sheet.height > height
        assert list(line["maps"]) == ["gradcam", "layercam", "infection"]
        for figures in line["maps"].values():
            assert figures["energy_in_lungs"] is None or 0 <= figures["energy_in_lungs"] <= 1
    with (out / "explain.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["map"] for row in table] == ["gradcam", "layercam", "infection"] * 2
    assert "2 of 2 films" in capsys.readouterr().out


def test_a_bad_film_is_reported_and_the_rest_done(films, tmp_path, capfd):
    (tmp_path / "bad.png").write_bytes(b"no film")
    good = sorted(films.iterdir())[0]
    blank = tmp_path / "blank.png"
    Image.fromarray(np.zeros((300, 300), np.uint8)).save(blank)
    out = tmp_path / "out"
    assert call(tmp_path / "bad.png", blank, good, "-o", out, "--json") == 3
    printed = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert printed == rows(out)
    assert [line["status"] for line in printed] == ["failed", "rejected", "ok"]
    assert all(line["reason"] for line in printed[:2])
    assert len((out / "explain.csv").read_text().splitlines()) == 1 + 1 + 1 + 2


def test_quiet_prints_nothing(films, tmp_path, capfd):
    assert call(sorted(films.iterdir())[0], "-o", tmp_path / "out", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "guess"), "--method: expected one of gradcam"),
        (("--stride", "7"), "--stride: expected one of 8, 16, 32"),
    ],
)
def test_wrong_options_are_one_line(films, tmp_path, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        call(films, "-o", tmp_path / "out", *options)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_model_folder_without_torch_weights_is_refused(films, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_folder(), copy)
    os.remove(copy / "weights.safetensors")
    with pytest.raises(ModelError, match=r"weights\.safetensors: is missing"):
        call(films, "-o", tmp_path / "out", "--model", copy)


def test_a_missing_extra_names_the_install_line(films, tmp_path, monkeypatch):
    import infmap.models

    monkeypatch.setitem(sys.modules, "infmap.models.folder", None)
    monkeypatch.delattr(infmap.models, "folder", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'infmap\[train\]'"):
        call(films, "-o", tmp_path / "out")
