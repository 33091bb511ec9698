"""The tools that make what ships, each run as a release runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from infmap.api import model_folder  # noqa: E402
from infmap.models.folder import read_weights  # noqa: E402
from infmap.training.origins import training_films, write_training_films  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_trained_folder_becomes_the_one_that_ships(tmp_path: Path) -> None:
    shipped, card = model_folder(), model_folder() / "README.md"
    done = tool("release_model", shipped, "--card", card, "-o", tmp_path / "ships")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "ships").iterdir()}
    assert names == {path.name for path in shipped.iterdir()}
    golden = json.loads((tmp_path / "ships" / "golden.json").read_text())
    assert set(golden) == {"openvino", "onnxruntime"}
    again = tool("release_model", shipped, "--card", card, "-o", tmp_path / "ships")
    assert again.returncode == 2 and again.stderr.count("\n") == 1 and "exists" in again.stderr


def test_weights_of_folders_new_and_old_are_averaged(tmp_path: Path) -> None:
    """One folder as it ships, one with ``weights.pt`` of an earlier version, channels last."""
    state = read_weights(model_folder())[1]
    moved = {k: v + 0.5 if v.is_floating_point() else v for k, v in state.items()}
    for name, value in moved.items():
        if value.ndim == 4:
            moved[name] = value.contiguous(memory_format=torch.channels_last)
    (tmp_path / "old").mkdir()
    torch.save(moved, tmp_path / "old" / "weights.pt")
    shutil.copytree(model_folder(), tmp_path / "new")
    write_training_films(tmp_path / "old", ["a/1", "a/0"])
    write_training_films(tmp_path / "new", ["b/0"])
    done = tool("average_weights", tmp_path / "old", tmp_path / "new", tmp_path / "mean")
    assert done.returncode == 0, done.stderr
    assert training_films(tmp_path / "mean") == {"a/0", "a/1", "b/0"}
    file, mean = read_weights(tmp_path / "mean")
    assert file.name == "weights.safetensors" and set(mean) == set(state)
    for name, value in mean.items():
        if value.is_floating_point():
            expected = (state[name].float() + moved[name].float()) / 2
            torch.testing.assert_close(value, expected)
