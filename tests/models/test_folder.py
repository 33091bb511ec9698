"""Tests of `infmap.models.folder`."""

import json
import shutil

import numpy as np
import pytest

from infmap.api import load, model_folder  # noqa: E402
from infmap.core.errors import ModelError  # noqa: E402
from infmap.models.folder import load_network  # noqa: E402
from infmap.phantom import render  # noqa: E402

torch = pytest.importorskip("torch")


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("manifest.json", "weights.safetensors"):
        shutil.copy(model_folder() / name, folder)
    return folder


def edit(folder, change):
    file = folder / "manifest.json"
    values = json.loads(file.read_text())
    change(values["training"])
    file.write_text(json.dumps(values))


def test_the_network_says_what_the_shipped_runtime_says():
    network = load_network(model_folder())
    assert not network.training and next(network.parameters()).dtype == torch.float32
    predictor = load().predictor
    film = render(3, size=256, opacities=3).pixels[None]
    maps, logits = predictor.run(film)
    with torch.no_grad():
        out = network(torch.from_numpy(film[None]))
    found = torch.sigmoid(torch.cat([out.infection, out.opacity, out.lungs], dim=1)).numpy()
    assert np.abs(found - maps).mean() < 0.02
    assert np.abs(out.classes.numpy() - logits).max() < 1.0


def test_no_folder(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        load_network(tmp_path / "nothing")


def test_a_manifest_that_is_not_json(copy):
    (copy / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        load_network(copy)


def test_a_manifest_without_a_network(copy):
    edit(copy, lambda training: training.pop("configuration"))
    with pytest.raises(ModelError, match="how the network was built"):
        load_network(copy)


def test_an_unknown_encoder(copy):
    edit(copy, lambda t: t["configuration"]["network"].update(encoder="guess"))
    with pytest.raises(ModelError, match="describes no network"):
        load_network(copy)


def test_weights_of_another_network(copy):
    edit(copy, lambda t: t["configuration"]["network"].update(channels=[64, 48, 32, 16, 8]))
    with pytest.raises(ModelError, match="does not match"):
        load_network(copy)


def test_weights_missing_or_damaged(copy):
    (copy / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="no readable weight file") as caught:
        load_network(copy)
    assert "\n" not in str(caught.value)
    (copy / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match="is missing"):
        load_network(copy)
