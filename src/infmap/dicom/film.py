"""What a decoder hands back, whatever the kind of file."""

from __future__ import annotations

from dataclasses import dataclass, field

from infmap.core.errors import UnreadableFilm
from infmap.core.types import Float32Image


@dataclass
class Film:
    """What a file or dataset gave.

    Attributes:
        pixels: float32 (H, W), (row, column), [0, 1], air dark, bone bright, upright.
        spacing_mm: (row, column) distance of pixel centres at the detector, where stated.
        view: "PA", "AP", "LATERAL" or what else the file states, where stated.
        warnings: what was guessed or repaired.
        bits: stored bits of a sample.
        photometric: how the samples are meant: a Photometric Interpretation of DICOM (C.7.6.3.1.2).
        side_stated: the file tells which side is the patient's left.
    """

    pixels: Float32Image
    spacing_mm: tuple[float, float] | None = None
    view: str | None = None
    warnings: list[str] = field(default_factory=list)
    bits: int | None = None
    photometric: str | None = None
    side_stated: bool = False


def too_large(most: int, stated: str) -> UnreadableFilm:
    """The error of a film whose header states more pixels than are allowed.

    Args:
        most: pixels allowed.
        stated: by the header, such as "9000 x 9000".
    """
    return UnreadableFilm(
        f"expected at most {most} pixels, the header says {stated}; shrink the film if that is true"
    )
