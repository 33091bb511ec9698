"""infmap doctor: is this installation sound, and does it give the reference outputs?"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.api import Model

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

GOLDEN = "golden.json"
TOLERANCE = {"lung_area": 0.02, "infection": 0.02, "opacity": 0.02, "extent": 0.03}
PROBABILITY_TOLERANCE = 0.10
"""Processors with bfloat16 round the logits to two or three digits, others do not."""
RUNTIME_PACKAGES = {"openvino": "openvino", "onnxruntime": "onnxruntime"}


@dataclass(frozen=True)
class Check:
    """One line of the doctor: what was looked at, "ok" / "missing" / "bad", and what was found."""

    name: str
    status: str
    detail: str


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="model folder or name")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a list of objects")] = False,
) -> int:
    """Check versions, runtimes, the weights' checksums and the reference outputs.

    Example: infmap doctor
    """
    checks = list(examine(model))
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks]) + "\n")
    else:
        for check in checks:
            sys.stdout.write(f"{check.status:<8} {check.name:<24} {check.detail}\n")
    return 1 if any(check.status == "bad" for check in checks) else 0


def examine(model: str | None) -> Iterator[Check]:
    """All checks, one after the other."""
    from infmap import __version__
    from infmap.api import load, model_folder
    from infmap.core.errors import InfmapError
    from infmap.inference.manifest import read_manifest, verify_files

    yield Check("infmap", "ok", f"{__version__}, Python {platform.python_version()}")
    for package in ("numpy", "pydicom", "Pillow", "scipy"):
        yield _installed(package, "bad")
    folder = model_folder(model)
    try:
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        yield Check("weights", "ok", f"{manifest.label}, {len(manifest.files)} checksums match")
    except InfmapError as error:
        yield Check("weights", "bad", str(error))
        return
    for runtime, package in RUNTIME_PACKAGES.items():
        installed = _installed(package, "bad" if runtime == "openvino" else "missing")
        yield installed
        if installed.status == "ok":
            try:
                yield compare(load(model, runtime=runtime), folder, runtime)
            except InfmapError as error:
                yield Check(f"outputs ({runtime})", "bad", str(error))


def compare(model: Model, folder: Path, runtime: str) -> Check:
    """Read the phantom's films and hold the figures against the model folder's reference."""
    name = f"outputs ({runtime})"
    try:
        golden = json.loads((folder / GOLDEN).read_text(encoding="utf-8"))[runtime]
    except (OSError, ValueError, KeyError):
        return Check(name, "missing", f"{folder.name} has no reference outputs")
    worst, where = 0.0, "none"
    for film, figures in reference_figures(model).items():
        for key, value in figures.items():
            allowed = TOLERANCE.get(key, PROBABILITY_TOLERANCE)
            used = abs(value - golden[film][key]) / allowed
            if used > worst:
                worst, where = used, f"{key} of {film}"
    status = "ok" if worst <= 1.0 else "bad"
    return Check(name, status, f"at most {worst:.0%} of the allowed difference ({where})")


def reference_figures(model: Model) -> dict[str, dict[str, float]]:
    """Shares and probability of three sample films, each in [0, 1]."""
    from infmap.core.phantom import sample_films

    figures = {}
    for name, film in sample_films()[:6:2]:
        p = model.predict(film.pixels)
        figures[name] = {
            "lung_area": round(float(p.lungs.mean()), 5),
            "infection": round(float(p.infection.mean()), 5),
            "opacity": round(float(p.opacity.mean()), 5),
            "covid_probability": round(p.covid_probability, 5),
            "extent": round(p.severity.extent_score / 8.0, 5),
        }
    return figures


def _installed(package: str, otherwise: str) -> Check:
    try:
        return Check(package, "ok", version(package))
    except PackageNotFoundError:
        return Check(package, otherwise, "not installed")
