"""Is this installation sound, and does it give the reference outputs?"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from infmap import __version__
from infmap.api import Model, load, model_folder
from infmap.compute.telemetry import no_telemetry
from infmap.core.errors import InfmapError, MissingExtra
from infmap.dicom.codecs import Job, decode
from infmap.inference.manifest import read_manifest, verify_files
from infmap.workflows.reference import GOLDEN, reference_figures

# Shares of the film or of the scale; chosen by hand, not measured.
TOLERANCE = {"lung_area": 0.02, "infection": 0.02, "opacity": 0.02, "extent": 0.03}
PROBABILITY_TOLERANCE = 0.10
"""Processors with bfloat16 round the logits to two or three digits, others do not."""
ENCODERS = {
    "JPEG": "jpeg8_encode",
    "JPEG-LS": "jpegls_encode",
    "JPEG 2000": "jpeg2k_encode",
    "JPEG XL": "jpegxl_encode",
}
"""Compression to the function of imagecodecs that makes a sample of it."""
# JPEG and JPEG XL at their default quality; chosen by hand.
LOSS = 16
"""Grey levels of 256 that a lossy sample may be off."""
RUNTIME_PACKAGES = {"openvino": "openvino", "onnxruntime": "onnxruntime"}


@dataclass(frozen=True)
class Check:
    """One line of the doctor: what was looked at, "ok" / "missing" / "bad", and what was found."""

    name: str
    status: str
    detail: str


def examine(model: str | None) -> Iterator[Check]:
    """All checks, one after the other."""
    yield Check("infmap", "ok", f"{__version__}, Python {platform.python_version()}")
    for package in ("numpy", "pydicom", "Pillow", "scipy"):
        yield _installed(package, "bad")
    yield decoders()
    yield from processors()
    folder = model_folder(model)
    try:
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        yield Check("weights", "ok", f"{manifest.label}, {len(manifest.files)} checksums match")
        if manifest.site is not None:
            yield Check("site", "ok", f"calibrated on {manifest.site}, {manifest.site.date}")
    except InfmapError as error:
        yield Check("weights", "bad", str(error))
        return
    for runtime, package in RUNTIME_PACKAGES.items():
        installed = _installed(package, "bad" if runtime == "openvino" else "missing")
        yield installed
        if installed.status == "ok":
            try:
                yield compare(load(model, runtime=runtime), folder, runtime)
            except MissingExtra as error:
                yield Check(f"outputs ({runtime})", "missing", str(error))
            except InfmapError as error:
                yield Check(f"outputs ({runtime})", "bad", str(error))


def decoders() -> Check:
    """Whether each compression of DICOM decodes here: a small ramp, there and back."""
    try:
        import imagecodecs
    except ImportError as error:
        return Check("decoders", "bad", f"imagecodecs cannot be imported: {error}")
    ramp = np.add.outer(np.arange(0, 128, 2), np.arange(0, 128, 2)).astype(np.uint8)
    works: list[str] = []
    fails: list[str] = []
    for kind, encoder in ENCODERS.items():
        try:
            found = decode(Job(kind, ramp.size), getattr(imagecodecs, encoder)(ramp)).values
            near = np.abs(found.astype(int) - ramp).max() <= LOSS
        except Exception as error:  # whatever a codec that is not there raises
            fails.append(f"{kind} ({type(error).__name__})")
            continue
        (works if near else fails).append(kind)
    if fails:
        return Check("decoders", "bad", f"do not decode: {', '.join(fails)}; install imagecodecs")
    return Check("decoders", "ok", f"{', '.join(works)} by imagecodecs {version('imagecodecs')}")


def processors() -> Iterator[Check]:
    """What OpenVINO and torch could compute on: the graphics processors, or that there is none."""
    try:
        no_telemetry()
        import openvino

        core = openvino.Core()
        devices = list(core.available_devices)
        gpus = [d for d in devices if d.startswith("GPU")]
        names = [f"{d} ({core.get_property(d, 'FULL_DEVICE_NAME')})" for d in devices]
        seen = f"{', '.join(names)}; {f'{len(gpus)} GPU' if gpus else 'no GPU'}"
        yield Check("OpenVINO devices", "ok" if devices else "bad", seen)
    except (ImportError, RuntimeError) as error:
        yield Check("OpenVINO devices", "bad", str(error).splitlines()[0])
    if find_spec("torch") is None:
        yield Check("torch devices", "missing", "torch is not installed; only training needs it")
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = [torch.cuda.get_device_name(i) for i in range(count)]
    seen = ", ".join(names) if names else "no GPU: training runs on the processor"
    yield Check("torch devices", "ok", f"torch {version('torch')}: {seen}")


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


def _installed(package: str, otherwise: str) -> Check:
    try:
        return Check(package, "ok", version(package))
    except PackageNotFoundError:
        return Check(package, otherwise, "not installed")
