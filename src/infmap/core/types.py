"""Value types that the stages hand each other. Frozen, and valid once constructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Float32Image = NDArray[np.float32]
BoolImage = NDArray[np.bool_]
RealArray = NDArray[np.integer | np.floating | np.bool_]
"""Real numbers of whichever type a file, a library or a caller gave them."""
Scalar = TypeVar("Scalar", bound=np.generic)
"""Type of an array's values, where what comes out has that of what goes in."""
Grade = Literal["none", "mild", "moderate", "severe", "critical"]
GRADES: tuple[Grade, ...] = ("none", "mild", "moderate", "severe", "critical")
ZONES = ("A", "B", "C", "D", "E", "F")
CLASSES = ("covid19", "other_pneumonia", "normal")
"""What a film may show, in the order of the network's class logits."""


class Truth(IntEnum):
    """The truth of one map of one film, as training holds it.

    Attributes:
        UNKNOWN: nothing is known; the map adds nothing to a loss, a metric or a gradient.
        DENSE: known at every pixel, an empty map included.
        SOMEWHERE: there is some of it in the lungs, and where is unknown.
    """

    UNKNOWN = 0
    DENSE = 1
    SOMEWHERE = 2


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
        interval: (low, high) of the extent score, 90 %, from residuals of cross-validation by
            patient.
        extent_right: the patient's right lung's part, 0 to 4; NaN where it was not found.
        extent_left: the patient's left lung's part, 0 to 4; NaN where it was not found.
        grades: every grade that the interval allows, mildest first.
    """

    grade: Grade
    extent_score: float
    interval: tuple[float, float]
    extent_right: float = 0.0
    extent_left: float = 0.0
    grades: tuple[Grade, ...] = ()


@dataclass(frozen=True)
class CalibratedOn:
    """Films that each figure was calibrated on: a figure is calibrated for such films only.

    Attributes:
        probability: of the film's probability of COVID-19.
        operating_point: of infection and of detection.
        opacity: of the opacity threshold.
        severity: of the extent score and its interval.
    """

    probability: str = "unknown films"
    operating_point: str = "unknown films"
    opacity: str = "unknown films"
    severity: str = "unknown films"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the system says of one film. All planes are in film pixels, (row, column).

    Probabilities are multiples of 1/255, so the planes are those of the PNG files. Infection is
    nowhere above opacity, and both are 0 outside the lungs; every figure is counted on the planes.

    Attributes:
        infection: float32 (H, W), probability of COVID-19 infection in [0, 1].
        opacity: float32 (H, W), probability of any airspace opacity in [0, 1].
        lungs: bool (H, W), both lungs.
        infected: bool (H, W), infection at or above the model's threshold.
        opaque: bool (H, W), opacity at or above the model's threshold; holds ``infected``.
        covid_probability: probability that the film shows COVID-19, [0, 1], calibrated on the
            films named in ``calibrated_on``.
        covid_detected: the probability reaches the operating point; exactly then a pixel is
            infected.
        infected_fraction: infected fraction of the lung area, [0, 1]; NaN without lungs.
        infected_fraction_right: the same for the patient's right lung.
        infected_fraction_left: the same for the patient's left lung.
        opacity_fraction: fraction of the lung area with opacity, whatever the cause, [0, 1].
        opacity_fraction_right: the same for the patient's right lung.
        opacity_fraction_left: the same for the patient's left lung.
        zones: zone A to F (Brixia) to the infected fraction of it, [0, 1]; NaN for an empty zone.
        severity: grade and extent score.
        quality: measured figures of the quality gate.
        warnings: sentences a reader should see beside the result.
        model: "name@version".
        radiograph: the film that was read.
        model_sha256: checksum of the model folder, see ``Manifest.sha256``; "" where unknown.
        thresholds: operating points in use, each on a probability: of a pixel to be "lungs",
            "opacity", "infection", and of a film to be "covid"; empty where unknown.
        zone_areas: zone to its share of the lung area; they sum to 1, and weigh ``zones`` to
            ``infected_fraction``.
        calibrated_on: the films behind probability, thresholds and severity.
        operating: "rule_out", the probability lies below the point that rules COVID-19 out, and
            "rule_in", it reaches the one that rules it in; None where the model has no such points.
        seconds: wall time spent on this film.
        doubt: float32 (H, W), [0, 1]: how far the reading of the mirrored film disagrees; None
            where it was not asked for.
        zone_labels: uint8 (H, W), 0 outside the lungs, 1 to 6 for zone A to F: what the figures by
            lung and zone are counted on; None where it is not at hand.
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
    quality: Mapping[str, float | None]
    warnings: tuple[str, ...]
    model: str
    radiograph: Radiograph
    model_sha256: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    zone_areas: Mapping[str, float] = field(default_factory=dict)
    calibrated_on: CalibratedOn = CalibratedOn()
    operating: Mapping[str, bool] | None = None
    seconds: float = field(default=0.0)
    doubt: Float32Image | None = None
    zone_labels: NDArray[np.uint8] | None = None

    def to_dict(self) -> dict[str, object]:
        """The JSON fields of one ``results.jsonl`` line that stem from the prediction."""

        def r(value: float) -> float | None:
            # Six digits, not decimals: an infected pixel of a large film is not rounded to none.
            return None if value != value else float(f"{float(value):.6g}")

        height, width = self.radiograph.shape
        return {
            "width": width,
            "height": height,
            "covid_probability": r(self.covid_probability),
            "covid_detected": self.covid_detected,
            "operating": None if self.operating is None else dict(self.operating),
            "infected_fraction": r(self.infected_fraction),
            "infected_fraction_left": r(self.infected_fraction_left),
            "infected_fraction_right": r(self.infected_fraction_right),
            "opacity_fraction": r(self.opacity_fraction),
            "opacity_fraction_left": r(self.opacity_fraction_left),
            "opacity_fraction_right": r(self.opacity_fraction_right),
            "zones": {k: r(v) for k, v in self.zones.items()},
            "zone_areas": {k: r(v) for k, v in self.zone_areas.items()},
            "severity": {
                "grade": self.severity.grade,
                "grades": list(self.severity.grades),
                "extent_score": r(self.severity.extent_score),
                "interval": [r(v) for v in self.severity.interval],
            },
            "side_stated": self.radiograph.side_stated,
            "quality": dict(self.quality),
            "warnings": list(self.warnings),
            "calibrated_on": asdict(self.calibrated_on),
            "model": self.model,
            "seconds": round(self.seconds, 4),
        }
