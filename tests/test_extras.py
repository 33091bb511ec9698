"""Every verb without the packages of an extra: it works, or prints the one install line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("polars", reason="the catalog is not installed: pip install 'infmap[catalog]'")

ROOT = Path(__file__).resolve().parents[1]
TRAINING = ("torch", "torchvision", "timm", "segmentation_models_pytorch", "nncf", "tensorboard",
            "pytorch_grad_cam", "onnx", "onnxscript", "safetensors")  # fmt: skip
CATALOG = ("blake3", "cv2", "duckdb", "faiss", "joblib", "matplotlib", "polars", "pyarrow",
           "sklearn", "yaml")  # fmt: skip
BLOCKER = """\
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""
RUN = """\
import contextlib, io, json, sys, traceback
from infmap.cli.main import main

for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as stopped:
            status = stopped.code
        except BaseException:
            status = 1
            traceback.print_exc()
    print(json.dumps({"verb": arguments[:2], "status": status, "error": err.getvalue()}))
"""


@dataclass(frozen=True)
class Ended:
    """How a verb ended: its first two words, exit status and what it said on standard error."""

    verb: str
    status: int
    error: str


def without(packages: Sequence[str], verbs: Sequence[Sequence[object]], work: Path) -> list[Ended]:
    """Run verbs in a fresh process, and in its children, that cannot import some packages."""
    blocker = work / "blocker"
    blocker.mkdir(exist_ok=True)
    text = BLOCKER.format(blocked=tuple(packages))
    (blocker / "sitecustomize.py").write_text(text, encoding="utf-8")
    paths = [str(blocker), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-c", RUN, json.dumps([[str(a) for a in verb] for verb in verbs])]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=work
    )
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    return [Ended(" ".join(r["verb"]), r["status"], r["error"]) for r in records]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of rendered films."""
    folder = tmp_path_factory.mktemp("extras") / "films"
    render = [sys.executable, str(ROOT / "tools/render_source.py"), str(folder), "--size", "96"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run(render, check=True, env=environment)
    return folder


def catalog_verbs(source: Path, work: Path, compared: str = "snapshot") -> list[list[object]]:
    """Every step of ``infmap catalog``, in an order in which each has what it needs.

    ``compared`` is the snapshot in ``work`` that the catalog is compared with.
    """
    catalog, snapshot = work / "catalog", work / "snapshot"
    (work / "compile.yaml").write_text(
        f"catalog: {work / 'catalog-2'}\nsources:\n  folder: {source}\nworkers: 1\n"
        f"snapshot: {work / 'snapshot-2'}\n",
        encoding="utf-8",
    )
    steps: list[list[object]] = [
        ["sources"],
        ["fetch", "--help"],
        ["ingest", catalog, "--source", f"folder={source}", "--workers", 1],
        ["dedup", catalog, "--pairs", work / "pairs.html"],
        ["split", catalog, "--folds", 2],
        ["snapshot", catalog, "-o", snapshot, "--pack", 64],
        ["compile", work / "compile.yaml"],
        ["stats", catalog],
        ["query", catalog, "SELECT count(*) FROM films"],
        ["diff", work / compared, catalog],
        ["audit", catalog, "-o", work / "audit"],
        ["verify", catalog],
        ["export", catalog, "--format", "coco", "-o", work / "coco"],
    ]
    return [["catalog", *step] for step in steps]


def test_every_step_of_the_catalog_works_without_torch(source: Path, tmp_path: Path) -> None:
    from typer.main import get_command

    from infmap.cli.catalog import app

    ended = without(TRAINING, catalog_verbs(source, tmp_path), tmp_path)
    assert {e.verb.split()[1] for e in ended} == set(get_command(app).commands)  # type: ignore[attr-defined]
    assert [e for e in ended if e.status != 0] == []


def _name(packages: tuple[str, ...]) -> str:
    return packages[0] if len(packages) == 1 else "all"


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog and a snapshot that an environment with all packages made."""
    work = tmp_path_factory.mktemp("made")
    steps = ("ingest", "dedup", "split", "snapshot")
    verbs = [verb for verb in catalog_verbs(source, work) if verb[1] in steps]
    assert [end for end in without((), verbs, work) if end.status != 0] == []
    return work


@pytest.mark.parametrize("packages", [CATALOG, *((name,) for name in CATALOG)], ids=_name)
def test_a_catalog_without_packages_says_what_to_install(
    packages: tuple[str, ...], source: Path, made: Path, tmp_path: Path
) -> None:
    """A verb that needs a package names the extra in one line; the others go on working."""
    shutil.copytree(made / "catalog", tmp_path / "catalog")
    shutil.copytree(made / "snapshot", tmp_path / "before")
    fresh = ["catalog", "ingest", tmp_path / "fresh", "--source", f"folder={source}"]
    ended = without(packages, [fresh, *catalog_verbs(source, tmp_path, "before")], tmp_path)
    lacking = [end for end in ended if end.status != 0]
    assert lacking, f"nothing needs {packages}: it is not to be in the extra"
    for end in lacking:
        assert_says_what_to_install(end, "catalog")
    if packages == CATALOG:
        works = {end.verb for end in ended if end.status == 0}
        assert works == {"catalog sources", "catalog fetch"}


@pytest.mark.parametrize(
    ("package", "extra", "verb"),
    [
        ("torch", "train", ["train", "train.yaml", "-o", "model"]),
        ("torch", "train", ["benchmark", "run", "study.yaml", "-o", "study"]),
        ("torch", "train", ["explain", "film.png", "-o", "out"]),
        ("onnx", "onnx", ["export", "infmap-lite0", "-o", "a.onnx"]),
        ("onnxruntime", "onnx", ["predict", "film.png", "-o", "out", "--runtime", "onnxruntime"]),
        ("safetensors", "onnx", ["predict", "film.png", "-o", "out", "--runtime", "onnxruntime"]),
        ("highdicom", "dicom", ["predict", "film.png", "-o", "out", "--dicom-seg"]),
        ("reportlab", "dicom", ["predict", "film.png", "-o", "out", "--dicom", "pdf"]),
        ("fastapi", "serve", ["serve"]),
        ("sqlalchemy", "serve", ["serve", "key", "list"]),
        ("ray", "scale", ["catalog", "ingest", "c", "--source", "folder=films", "--on", "ray"]),
    ],
)
def test_a_verb_without_its_extra_exists_and_says_what_to_install(
    package: str, extra: str, verb: list[str], source: Path, tmp_path: Path
) -> None:
    film = next(source.rglob("*.png"))
    shutil.copy(film, tmp_path / "film.png")
    shutil.copytree(source, tmp_path / "films")
    for name, config in (("train.yaml", "default.yaml"), ("study.yaml", "study.yaml")):
        shutil.copy(ROOT / "configs" / config, tmp_path / name)
    (end,) = without((package,), [verb], tmp_path)
    assert_says_what_to_install(end, extra)


def assert_says_what_to_install(end: Ended, extra: str) -> None:
    assert end.status == 2, end
    assert f"pip install 'infmap[{extra}]'" in end.error, end
    assert end.error.count("\n") == 1, end
