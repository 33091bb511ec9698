"""What is asked of the phantom, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

from infmap.core.types import ZONES, BoolImage, Float32Image


@dataclass(frozen=True)
class Opacity:
    """One airspace opacity.

    Attributes:
        zone: "A" to "F" (Brixia): A to C the patient's right lung, apex to base; D to F the left.
        extent: share of the zone that is infected, [0, 1].
        density: 0 for ground glass to 1 for consolidation.

    Raises:
        ValueError: unknown zone, or a share outside [0, 1].
    """

    zone: str
    extent: float
    density: float

    def __post_init__(self) -> None:
        if self.zone not in ZONES:
            raise ValueError(f"expected a zone of {', '.join(ZONES)}, got {self.zone!r}")
        for name, value in (("extent", self.extent), ("density", self.density)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"expected {name} in [0, 1], got {value!r}")


@dataclass(frozen=True, eq=False)
class PhantomFilm:
    """A rendered film and its truth. All planes are in film pixels, (row, column).

    Attributes:
        pixels: float32 (H, W), [0, 1], air dark, frontal PA, patient's right at image left.
        lungs: bool (H, W), lung fields above the diaphragm, beside heart and mediastinum.
        right_lung: bool (H, W), the patient's right lung.
        left_lung: bool (H, W), the patient's left lung.
        infection: bool (H, W), inside the lungs, added line integral of ``INFECTED`` or more.
        opacities: what was asked for.
    """

    pixels: Float32Image
    lungs: BoolImage
    right_lung: BoolImage
    left_lung: BoolImage
    infection: BoolImage
    opacities: tuple[Opacity, ...]
