import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from infmap.api import load, model_folder  # noqa: E402
from infmap.core.errors import ModelError, UsageError  # noqa: E402
from infmap.inference.manifest import read_manifest, verify_files, write_manifest  # noqa: E402
from infmap.models.folder import load_network  # noqa: E402
from infmap.training import release as module  # noqa: E402
from infmap.training.release import release  # noqa: E402

NEEDED = {"network.xml", "network.bin", "weights.safetensors", "graph.pb", "films.txt"}
CARD = model_folder() / "README.md"


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / "trained"
    shutil.copytree(model_folder(), folder)
    (folder / "checkpoint.pt").write_bytes(b"what training leaves behind")
    return folder


def test_only_what_ships_is_taken(trained, tmp_path):
    manifest = release(trained, tmp_path / "ships", CARD)
    names = {path.name for path in (tmp_path / "ships").iterdir()}
    assert names == NEEDED | {"manifest.json", "README.md"}
    assert set(manifest.files) == NEEDED - {"films.txt"}
    verify_files(tmp_path / "ships", manifest)
    assert manifest == read_manifest(trained)
    assert load(tmp_path / "ships").name == manifest.label


def test_a_folder_of_an_earlier_version_gets_weights_and_graph(trained, tmp_path):
    network = load_network(trained)
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    torch.save(half, trained / "weights.pt")
    for name in ("weights.safetensors", "graph.pb"):
        (trained / name).unlink()
    write_manifest(trained, read_manifest(trained))
    assert "weights.pt" in read_manifest(trained).files
    manifest = release(trained, tmp_path / "ships", CARD)
    assert set(manifest.files) == NEEDED - {"films.txt"}
    found = load_network(tmp_path / "ships").state_dict()
    assert all(torch.equal(value, found[name]) for name, value in network.state_dict().items())
    xml = (Path(trained / "network.xml"), tmp_path / "ships" / "network.xml")
    assert xml[0].read_bytes() == xml[1].read_bytes()
    onnx = pytest.importorskip("onnx")
    from infmap.inference.onnx_graph import join_network

    onnx.checker.check_model(join_network(tmp_path / "ships"))
    assert (tmp_path / "ships" / "weights.safetensors").stat().st_mode & 0o044


def test_what_is_not_fit_to_ship_is_refused(trained, tmp_path, monkeypatch):
    ships = tmp_path / "ships"
    (tmp_path / "card.md").write_text("# infmap-lite0 9.9\n")
    with pytest.raises(UsageError, match="first line"):
        release(trained, ships, tmp_path / "card.md")
    with pytest.raises(UsageError, match="exists"):
        release(trained, trained, CARD)
    monkeypatch.setattr(module, "LIMIT", 10**6)
    with pytest.raises(ModelError, match="MiB to ship"):
        release(trained, ships, CARD)
    manifest = read_manifest(trained)
    write_manifest(trained, replace(manifest, training=replace(manifest.training, finished="")))
    with pytest.raises(ModelError, match="not finished"):
        release(trained, ships, CARD)
    values = json.loads((trained / "manifest.json").read_text())
    values["files"]["graph.pb"] = "0" * 64
    (trained / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="checksum"):
        release(trained, ships, CARD)
    assert not ships.exists()


def test_no_path_of_the_machine_ships(trained, tmp_path):
    manifest = read_manifest(trained)
    network = {**manifest.training.configuration["network"], "weights": str(tmp_path / "base")}
    configuration = {
        **manifest.training.configuration,
        "snapshot": str(tmp_path / "snapshot"),
        "network": network,
        "hold_out": {"films": str(tmp_path / "left-out.txt"), "sources": ["cohen"]},
    }
    training = replace(manifest.training, configuration=configuration)
    write_manifest(trained, replace(manifest, training=training))
    shipped = release(trained, tmp_path / "ships", CARD).training.configuration
    assert shipped["snapshot"] == "snapshot" and shipped["network"]["weights"] == "base"
    assert shipped["hold_out"] == {"films": "left-out.txt", "sources": ["cohen"]}
    assert str(tmp_path) not in (tmp_path / "ships" / "manifest.json").read_text()
    # As is held of what this package ships.
    assert '"/' not in (model_folder() / "manifest.json").read_text()
