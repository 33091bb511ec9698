"""Value types that the stages hand each other. Frozen, and valid once constructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float32Image = NDArray[np.float32]
BoolImage = NDArray[np.bool_]
Grade = Literal["none", "mild", "moderate", "severe", "critical"]
GRADES: tuple[Grade, ...] = ("none", "mild", "moderate", "severe", "critical")
ZONES = ("A", "B", "C", "D", "E", "F")
CLASSES = ("covid19", "other_pneumonia", "normal")
"""What a film may show, in the order of the network's class logits."""


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One projection radiograph in film pixels.

    Attributes:
        pixels: float32 (H, W), (row, column), range [0, 1], air dark, bone bright.
        source: path or name, for messages; never a patient's name.
        sha256: hexadecimal digest of the file's bytes (of the pixels where there is no file).
        spacing_mm: (row, column) distance of pixel centres at the detector, where known.
        view: "PA", "AP", "LATERAL"... as the file states it, where known.
        warnings: what was guessed or repaired while reading.
        bits: stored bits of a sample, where there was a file.
        photometric: DICOM's name for how its samples are meant, such as "MONOCHROME2".
        side_stated: the file tells which side is the patient's left; else image left is taken to
            be the patient's right, as on a film hung for reading.

    Raises:
        ValueError: pixels are not a float32 plane within [0, 1].
    """

    pixels: Float32Image
    source: str = "array"
    sha256: str = ""
    spacing_mm: tuple[float, float] | None = None
    view: str | None = None
    warnings: tuple[str, ...] = ()
    bits: int | None = None
    photometric: str | None = None
    side_stated: bool = False

    def __post_init__(self) -> None:
        p = self.pixels
        if p.ndim != 2 or p.dtype != np.float32 or p.size == 0:
            raise ValueError(f"expected a float32 (H, W) plane, got {p.dtype} {p.shape}")
        low, high = float(p.min()), float(p.max())
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"expected pixels in [0, 1], got [{low:g}, {high:g}]")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the film."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])


@dataclass(frozen=True)
class Severity:
    """How much of the lungs is taken.

    Attributes:
        grade: one of five steps; cut points in ``infmap.inference.severity``.
        extent_score: geographic extent, 0 to 8 (0 to 4 a lung; Wong et al. 2020).
        interval: (low, high) of the extent score, split conformal, 90 %.
        extent_right: the patient's right lung's part, 0 to 4.
        extent_left: the patient's left lung's part, 0 to 4.
        grades: every grade that the interval allows, mildest first.
    """

    grade: Grade
    extent_score: float
    interval: tuple[float, float]
    extent_right: float = 0.0
    extent_left: float = 0.0
    grades: tuple[Grade, ...] = ()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the system says of one film. All planes are in film pixels, (row, column).

    Attributes:
        infection: float32 (H, W), probability of COVID-19 infection in [0, 1].
        opacity: float32 (H, W), probability of any airspace opacity in [0, 1].
        lungs: bool (H, W), both lungs.
        infected: bool (H, W), infection at or above the model's threshold.
        opaque: bool (H, W), opacity of any cause at or above the model's threshold.
        covid_probability: calibrated probability that the film shows COVID-19, [0, 1].
        covid_detected: the probability reaches the documented operating point.
        infected_fraction: infected share of the lung area, [0, 1]; NaN without lungs.
        infected_fraction_right: the same for the patient's right lung.
        infected_fraction_left: the same for the patient's left lung.
        opacity_fraction: share of the lung area with any opacity, [0, 1].
        opacity_fraction_right: the same for the patient's right lung.
        opacity_fraction_left: the same for the patient's left lung.
        zones: zone A to F (Brixia) to infected share of that zone, [0, 1].
        severity: grade and extent score.
        quality: measured figures of the quality gate.
        warnings: sentences a reader should see beside the result.
        model: "name@version".
        radiograph: the film that was judged.
        model_sha256: checksum of the model folder, see ``Manifest.sha256``; "" where unknown.
        thresholds: operating points in use, each on a probability: of a pixel to be "lungs",
            "opacity", "infection", and of a film to be "covid"; empty where unknown.
        seconds: wall time spent on this film.
        doubt: float32 (H, W), [0, 1]: how far the reading of the mirrored film disagrees; None
            where it was not asked for.
    """

    infection: Float32Image
    opacity: Float32Image
    lungs: BoolImage
    infected: BoolImage
    opaque: BoolImage
    covid_probability: float
    covid_detected: bool
    infected_fraction: float
    infected_fraction_right: float
    infected_fraction_left: float
    opacity_fraction: float
    opacity_fraction_right: float
    opacity_fraction_left: float
    zones: Mapping[str, float]
    severity: Severity
    quality: Mapping[str, Any]
    warnings: tuple[str, ...]
    model: str
    radiograph: Radiograph
    model_sha256: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seconds: float = field(default=0.0)
    doubt: Float32Image | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON fields of one ``results.jsonl`` line that stem from the prediction."""

        def r(value: float) -> float | None:
            return None if value != value else round(float(value), 5)

        height, width = self.radiograph.shape
        return {
            "width": width,
            "height": height,
            "covid_probability": r(self.covid_probability),
            "covid_detected": self.covid_detected,
            "infected_fraction": r(self.infected_fraction),
            "infected_fraction_left": r(self.infected_fraction_left),
            "infected_fraction_right": r(self.infected_fraction_right),
            "opacity_fraction": r(self.opacity_fraction),
            "opacity_fraction_left": r(self.opacity_fraction_left),
            "opacity_fraction_right": r(self.opacity_fraction_right),
            "zones": {k: r(v) for k, v in self.zones.items()},
            "severity": {
                "grade": self.severity.grade,
                "extent_score": r(self.severity.extent_score),
                "interval": [r(v) for v in self.severity.interval],
                "grades": list(self.severity.grades),
            },
            "side_stated": self.radiograph.side_stated,
            "quality": dict(self.quality),
            "warnings": list(self.warnings),
            "model": self.model,
            "seconds": round(self.seconds, 4),
        }
