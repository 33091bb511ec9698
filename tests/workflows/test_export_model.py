import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from infmap.api import load, model_folder  # noqa: E402
from infmap.core.errors import ModelError, UsageError  # noqa: E402
from infmap.inference.manifest import read_manifest, write_manifest  # noqa: E402
from infmap.inference.preprocess import Preprocessing, to_network  # noqa: E402
from infmap.phantom import sample_films  # noqa: E402
from infmap.workflows.export_model import export_model, write_card  # noqa: E402

TOLERANCE = 1e-4
"""Probability, and logits relative to it: float32 sums in another order."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export_model(model_folder(), tmp_path_factory.mktemp("export") / "chest.onnx")


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def planes():
    return [to_network(film.pixels, Preprocessing())[0] for _, film in sample_films()[:6]]


def test_the_file_is_valid_onnx_that_says_what_it_is(exported):
    model = onnx.load(str(exported.network))
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "infmap" and "esearch use only" in model.doc_string


def test_the_exported_network_is_the_float_network(exported):
    """Golden outputs: ONNX Runtime against torch, on rendered images."""
    torch = pytest.importorskip("torch")
    from infmap.models.folder import load_network

    films = np.stack(planes())[:, None]
    maps, classes = session(exported.network).run(None, {"films": films})
    with torch.no_grad():
        out = load_network(model_folder())(torch.from_numpy(films))
    expected = torch.sigmoid(torch.cat([out.infection, out.opacity, out.lungs], dim=1)).numpy()
    assert expected[:, 2].max() > 0.9  # lungs are found: the comparison is not of empty maps
    np.testing.assert_allclose(maps, expected, atol=TOLERANCE)
    np.testing.assert_allclose(classes, out.classes.numpy(), atol=TOLERANCE, rtol=TOLERANCE)


def log_odds(p):
    return np.log(p / (1 - p))


def test_its_properties_are_enough_to_get_the_figures_of_the_package(exported):
    """Preprocessing, operating points and calibration as read from the file alone."""
    run = session(exported.network)
    properties = run.get_modelmeta().custom_metadata_map
    assert properties["infmap_model"] == exported.model
    assert "esearch use only" in properties["infmap_notice"]
    name, film = sample_films()[4]
    spec = Preprocessing(**json.loads(properties["infmap_preprocessing"]))
    plane, fit = to_network(film.pixels, spec)
    maps, classes = run.run(None, {"films": plane[None, None]})
    thresholds = json.loads(properties["infmap_thresholds"])
    detection = json.loads(properties["infmap_detection"])
    lungs = maps[0, 2] >= thresholds["lungs"]
    expected = load(runtime="onnxruntime").predict(film.pixels)
    row = json.loads(properties["infmap_maps"]).index("infection")
    infection = maps[0, row][lungs & (fit.pad(np.ones((fit.rows, fit.columns))) > 0)]
    place = json.loads(properties["infmap_classes"]).index("covid19")
    others = np.delete(classes[0], place)
    # As the card beside the file says.
    amount = np.mean(infection.astype(np.float64) ** 4) ** (1 / 4)
    total = (
        detection["class_slope"] * (classes[0, place] - np.log(np.exp(others).sum()))
        + detection["peak_slope"] * log_odds(infection.max())
        + detection["amount_slope"] * log_odds(amount)
        + detection["intercept"]
    )
    probability = 1 / (1 + np.exp(-total))
    assert probability == pytest.approx(expected.covid_probability, abs=0.02), name
    assert expected.covid_detected == (probability >= thresholds["film"])
    assert lungs.mean() == pytest.approx(expected.lungs.mean(), abs=0.02)


def test_the_card_beside_the_file_says_how_to_use_it(exported):
    text = exported.card.read_text()
    assert exported.card == exported.network.with_suffix(".md")
    manifest = read_manifest(model_folder())
    assert text.startswith(f"# {manifest.label} as ONNX\n")
    assert "Research use only" in text and "LICENSE-WEIGHTS" in text
    assert f"maps[1] >= {manifest.thresholds.opacity}" in text
    assert f"maps[0] >= {manifest.thresholds.infection}" in text
    assert f"its probability `>= {manifest.thresholds.film}`" in text
    assert f"{manifest.detection.amount_slope} * a" in text
    assert "COVID-QU-Ex" in text  # the model's own card follows
    assert text.count("\n# ") == 0  # one title


def test_the_card_says_that_a_film_is_read_twice():
    manifest = read_manifest(model_folder())
    twice = replace(manifest.training, configuration={"second_reading": 192})
    assert "mirror image at\n192 x 192 pixels" in write_card(
        replace(manifest, training=twice), None
    )
    once = replace(manifest.training, configuration={})
    assert "mirror" not in write_card(replace(manifest, training=once), None)


def test_a_folder_is_a_model_folder_of_its_own(tmp_path):
    written = export_model(model_folder(), tmp_path / "folder")
    names = {path.name for path in (tmp_path / "folder").iterdir()}
    assert names == {"network.onnx", "manifest.json", "README.md", "golden.json"}
    film = sample_films()[4][1].pixels
    expected = load(runtime="onnxruntime").predict(film)
    for runtime, difference in (("onnxruntime", 1e-6), ("openvino", 0.05)):
        found = load(tmp_path / "folder", runtime=runtime).predict(film)
        assert found.model == written.model
        assert found.covid_probability == pytest.approx(expected.covid_probability, abs=difference)
    again = export_model(tmp_path / "folder", tmp_path / "again.onnx")
    assert again.sha256 == written.sha256


def test_a_folder_that_an_earlier_version_trained_is_exported(tmp_path, exported):
    """It has a whole ``network.onnx`` of its own and no graph."""
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(exported.network, old / "network.onnx")
    write_manifest(old, read_manifest(model_folder()))
    written = export_model(old, tmp_path / "new.onnx")
    assert written.sha256 == exported.sha256
    assert written.card.read_text().startswith("# infmap-lite0@")


def test_it_runs_without_torch(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from infmap.cli.main import main\n"
        f"main(['export', 'infmap-lite0', '-o', {str(tmp_path / 'a.onnx')!r}, '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert written["network"] == str(tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").stat().st_size > 10**7


def test_what_would_be_lost_is_not_replaced(tmp_path):
    (tmp_path / "notes.md").write_text("my notes")
    with pytest.raises(UsageError, match="would be replaced"):
        export_model(model_folder(), tmp_path / "notes.onnx")
    assert (tmp_path / "notes.md").read_text() == "my notes"
    copy = tmp_path / "model"
    shutil.copytree(model_folder(), copy)
    before = (copy / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="is a model folder"):
        export_model(copy, copy)
    assert (copy / "manifest.json").read_bytes() == before


def test_a_folder_without_a_network_for_onnx_is_one_line(tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_folder(), copy)
    (copy / "graph.pb").unlink()
    write_manifest(copy, read_manifest(model_folder()))
    with pytest.raises(ModelError, match=r"graph\.pb") as caught:
        export_model(copy, tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.onnx").exists()
