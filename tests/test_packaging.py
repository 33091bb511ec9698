"""What the wheel built from this source holds and asks for."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from infmap.catalog.renamed import RENAMED
from infmap.sources import SOURCES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "infmap"
TRAINING_ONLY = {"torch", "torchvision", "timm", "segmentation-models-pytorch", "nncf"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


LIMIT = 15 * 10**6
"""Bytes of the wheel at most."""


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert Path(str(wheel.filename)).stat().st_size <= LIMIT


def test_the_wheel_carries_one_network_and_the_weights_once(wheel: zipfile.ZipFile) -> None:
    models: dict[str, set[str]] = {}
    for name in wheel.namelist():
        if name.startswith("infmap/weights/"):
            models.setdefault(name.split("/")[2], set()).add(name.split("/")[3])
    assert models
    for name, files in models.items():
        assert {"network.xml", "network.bin", "weights.safetensors", "graph.pb"} <= files, name
        assert {"README.md", "manifest.json", "golden.json", "films.txt"} <= files, name
    networks = [name for name in wheel.namelist() if name.endswith((".onnx", ".pt", ".pth"))]
    assert networks == []


def test_the_files_of_the_wheel_can_be_read_by_every_user(wheel: zipfile.ZipFile) -> None:
    assert all((file.external_attr >> 16) & 0o444 == 0o444 for file in wheel.infolist())


def test_the_licence_of_the_weights_names_every_source_behind_them() -> None:
    licence = (ROOT / "LICENSE-WEIGHTS").read_text(encoding="utf-8")
    for file in (PACKAGE / "weights").glob("*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        behind = " ".join(
            [
                manifest["detection"]["population"],
                manifest["severity"]["population"],
                manifest["thresholds"]["infection_chosen_on"],
                manifest["thresholds"]["opacity_chosen_on"],
            ]
        )
        known = {*SOURCES, *RENAMED}
        named = {name for name in known if re.search(rf"\b{name}\b", behind)}
        assert named, "no source is named: the populations are written otherwise"
        for old in named | set(manifest["training"]["sources"]):
            name = RENAMED.get(old, old)
            assert SOURCES[name].title in licence, f"{file.parent.name}: {name} is not named"


def requirements(wheel: zipfile.ZipFile) -> list[str]:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist", [])


def installed_by(wheel: zipfile.ZipFile, extras: set[str]) -> set[str]:
    """Distributions that installing the wheel with some extras brings, all levels down.

    The wheel's own requirements are read from it, those of the others from what is installed here.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    def wanted(texts: list[str], extras: set[str]) -> Iterator[tuple[str, set[str]]]:
        for one in map(Requirement, texts):
            if one.marker is None or any(
                one.marker.evaluate({"extra": extra}) for extra in extras or {""}
            ):
                yield canonicalize_name(one.name), one.extras

    found: dict[str, set[str]] = {}
    todo = [("infmap", extras)]
    while todo:
        name, more = todo.pop()
        if name in found and more <= found[name]:
            continue
        found[name] = found.get(name, set()) | more
        if name == "infmap":
            todo += wanted(requirements(wheel), found[name])
            continue
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here: pip install '.[train,dev]'")
        todo += wanted(texts, found[name])
    return set(found)


@pytest.mark.parametrize("extras", [set(), {"catalog"}, {"onnx"}, {"dicom"}], ids=str)
def test_no_torch_is_installed_without_the_training_extra(
    wheel: zipfile.ZipFile, extras: set[str]
) -> None:
    found = installed_by(wheel, extras)
    assert {"numpy", "pydicom", "openvino", "pillow"} <= found
    assert not found & TRAINING_ONLY
    assert not {name for name in found if name.startswith(("nvidia-", "torch"))}
    assert ("polars" in found) == ("catalog" in extras)


def test_the_training_extra_brings_torch_and_the_catalog(wheel: zipfile.ZipFile) -> None:
    found = installed_by(wheel, {"train"})
    assert found >= {*TRAINING_ONLY, *installed_by(wheel, {"catalog"})}


def test_the_training_extra_pins_torch_and_torchvision(wheel: zipfile.ZipFile) -> None:
    train = [r for r in requirements(wheel) if "extra == 'train'" in r]
    for pin in ("torch==", "torchvision=="):
        assert any(r.startswith(pin) for r in train)


def test_the_wheel_carries_all_code_weights_and_templates(wheel: zipfile.ZipFile) -> None:
    here = {
        path.relative_to(ROOT / "src").as_posix()
        for pattern in ("weights/**/*", "report/*.j2", "**/*.py")
        for path in PACKAGE.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "infmap/report/report.html.j2" in here
    assert not here - set(wheel.namelist())


def test_the_wheel_carries_both_licences_and_the_command(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name for name in wheel.namelist()}
    assert {"LICENSE", "LICENSE-WEIGHTS"} <= names
    (name,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "infmap = infmap.cli.main:main" in wheel.read(name).decode()


def test_core_imports_only_numpy_and_the_standard_library() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "infmap"}
    for path in (PACKAGE / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            outside = {name.split(".")[0] for name in names} - allowed
            assert not outside, f"{path.name} imports {outside}"


def test_the_library_neither_prints_nor_asserts() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Assert), f"assert at {where}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"print at {where}"
