"""The model folder: weights for each runtime, and a manifest of all that prediction needs.

MODEL_FOLDER/
    manifest.json      this module's ``Manifest``
    network.xml, .bin  OpenVINO
    network.onnx       ONNX Runtime
    weights.pt         PyTorch, to go on training from
    README.md          the model card
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infmap.core.errors import ModelError
from infmap.inference.preprocess import Preprocessing

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Thresholds:
    """Operating points, each on a probability in [0, 1].

    Attributes:
        infection: a pixel is infected.
        opacity: a pixel is opaque.
        lungs: a pixel is lung.
        covid: a film is reported as COVID-19 detected.
    """

    infection: float = 0.5
    opacity: float = 0.5
    lungs: float = 0.5
    covid: float = 0.5


@dataclass(frozen=True)
class Manifest:
    """What travels with the weights.

    Attributes:
        name: the model's name.
        version: the model's version.
        preprocessing: how a film becomes the input.
        thresholds: operating points.
        detection: (slope, intercept) of the calibrated log-odds of COVID-19 (Platt 1999).
        severity: the severity calibration, see ``infmap.inference.severity``.
        training: what it was trained on and how.
        metrics: figures measured on named films.
        files: file name to SHA-256.
    """

    name: str
    version: str
    preprocessing: Preprocessing = Preprocessing()
    thresholds: Thresholds = Thresholds()
    detection: tuple[float, float] = (1.0, 0.0)
    severity: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """name@version."""
        return f"{self.name}@{self.version}"

    @property
    def sha256(self) -> str:
        """Checksum of all that an answer depends on: every field, those of the files included."""
        fields = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(fields.encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read a model folder's manifest.

    Raises:
        ModelError: the folder is no model folder, or of another format.
    """
    file = folder / MANIFEST
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{folder}: no model folder, {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    except ValueError as error:
        raise ModelError(f"{file}: is not JSON: {error}") from error
    if values.pop("format", None) != FORMAT:
        raise ModelError(f"{file}: expected format {FORMAT}; install the infmap that wrote it")
    try:
        values["preprocessing"] = Preprocessing.from_record(values["preprocessing"])
        values["thresholds"] = Thresholds(**values["thresholds"])
        values["detection"] = (float(values["detection"][0]), float(values["detection"][1]))
        return Manifest(**values)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{file}: damaged: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with the checksums of the folder's other files."""
    values = asdict(manifest)
    values["files"] = {
        path.name: sha256(path)
        for path in sorted(folder.iterdir())
        if path.name in ("network.xml", "network.bin", "network.onnx", "weights.pt")
    }
    text = json.dumps({"format": FORMAT, **values}, indent=2) + "\n"
    temporary = folder / (MANIFEST + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / MANIFEST)


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file of the model folder with its checksum.

    Raises:
        ModelError: a file is missing or differs.
    """
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: is missing; install or train the model again")
        if sha256(path) != expected:
            raise ModelError(f"{path}: checksum differs; install or train the model again")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
