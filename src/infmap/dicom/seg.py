"""Lungs, infected region and opacity as a DICOM Segmentation in the film's stored grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import Prediction, RealArray
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    SERIES_SEG,
    check_extra,
    equipment,
    guarded,
    identity_of,
    tracking_of,
    version_of,
)
from infmap.dicom.orient import as_stored
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

Kind = Literal["binary", "fractional"]
LUNGS, INFECTED, OPACITY = 1, 2, 3
# Steps of a fractional segmentation: one byte a pixel, the same levels as in the PNG files.
LEVELS = 255


@dataclass(frozen=True)
class Segment:
    """One segment of every film's object.

    Attributes:
        number: its number, and that of its frame.
        label: what a viewer lists, and what the report's group of it is tracked by.
        text: what it is, for a reader.
        rgb: colour that viewers are advised to draw it in.
    """

    number: int
    label: str
    text: str
    rgb: tuple[int, int, int]


SEGMENTS = (
    Segment(LUNGS, "Lungs", "Both lungs.", (140, 190, 240)),
    Segment(
        INFECTED,
        "COVID-19 infected region",
        "Lung opacity that the model attributes to COVID-19.",
        (230, 65, 25),
    ),
    Segment(OPACITY, "Lung opacity", "Lung opacity, whatever its cause.", (250, 200, 60)),
)


def infection_seg(
    source: Dataset, prediction: Prediction, *, kind: Kind = "binary"
) -> Segmentation:
    """Make a Segmentation object (PS3.3 A.51) of one film.

    It has three frames, also where a region is empty: segment 1 is the lungs, segment 2 the
    infected region, segment 3 opacity of any cause. They lie in the pixel grid that the film is
    stored in, however reading rotated it; a viewer can lay them over the film as it is.

    Args:
        source: the film, with or without pixels; left as it is. Needs no frame of reference.
        prediction: what the system says of it.
        kind: "binary", or "fractional": the probabilities of infection and opacity in 256 steps
            instead of the regions; the lungs are then 0 or 1.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, see ``film_header``
        for what is repaired. The same content of the same film has the same UIDs.

    Raises:
        MissingExtra: highdicom is not installed.
        UsageError: planes of another size than the film, or an unknown kind.
        UnreadableFilm: the film's header is damaged.
    """
    check_extra()
    import highdicom as hd

    from infmap.dicom.header import film_header

    if kind not in ("binary", "fractional"):
        raise UsageError(f"expected kind binary or fractional, got {kind}")
    with guarded("a DICOM film to make a SEG of"):
        header = film_header(source, prediction.radiograph.sha256).dataset
        stored = np.stack([_stored(p, source) for p in _planes(prediction, kind)], axis=-1)
        header.Rows, header.Columns = stored.shape[:2]
        uid = uid_from("seg", kind, *identity_of(header, prediction), stored.tobytes())
        seg = hd.seg.Segmentation(
            source_images=[header],
            pixel_array=stored[np.newaxis],
            segmentation_type=kind.upper(),
            segment_descriptions=[_description(s, header, prediction.model) for s in SEGMENTS],
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_SEG,
            sop_instance_uid=uid,
            fractional_type="PROBABILITY",
            max_fractional_value=LEVELS,
            content_label="INFECTION",
            content_description=NOTICE,
            # Empty frames stay, so that a segment's frame is always that of its number.
            omit_empty_frames=False,
            **equipment("Lungs, infected region, opacity", prediction.model),
        )
        # The same grid as the film's, so the same directions (PS3.3 C.7.6.1, type 2C).
        seg.PatientOrientation = header.get("PatientOrientation") or None
        seg.ContentCreatorName = None  # type 2, empty: a program made it
        for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
            item.DimensionOrganizationUID = uid_from("dimensions", uid)
    return seg


def _planes(p: Prediction, kind: Kind) -> tuple[RealArray, ...]:
    """Planes (H, W) of the segments, film pixels: uint8 0 or 1, or float32 in [0, 1]."""
    if kind == "binary":
        return tuple(plane.astype(np.uint8) for plane in (p.lungs, p.infected, p.opaque))
    probabilities = (np.clip(plane, 0.0, 1.0) for plane in (p.infection, p.opacity))
    return (p.lungs.astype(np.float32), *probabilities)


def _stored(plane: RealArray, source: Dataset) -> RealArray:
    """One plane in the film's stored grid."""
    turned = as_stored(plane, source)
    expected = int(source.Rows), int(source.Columns)
    if plane.ndim != 2 or turned.shape != expected:
        raise UsageError(
            f"expected planes of the film's {expected[0]} x {expected[1]} pixels, "
            f"got {turned.shape}; give the film that was read"
        )
    return turned


def _description(segment: Segment, header: Dataset, model: str) -> SegmentDescription:
    """A segment, coded in SNOMED CT and DICOM terms."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    lungs = segment.number == LUNGS
    both = [hd.sr.CodedConcept.from_code(codes.SCT.RightAndLeft)]
    description = hd.seg.SegmentDescription(
        segment_number=segment.number,
        segment_label=segment.label,
        segmented_property_category=(
            codes.SCT.AnatomicalStructure if lungs else codes.SCT.MorphologicallyAbnormalStructure
        ),
        segmented_property_type=codes.SCT.Lung if lungs else codes.DCM.Opacity,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MAKER,
            family=codes.DCM.ArtificialIntelligence,
            version=version_of(),
            source=MAKER,
            parameters={"model": model, "use": NOTICE},
        ),
        tracking_uid=tracking_of(header, model, segment.label),
        tracking_id=segment.label,
        anatomic_regions=None if lungs else [codes.SCT.Lung],
        display_color=hd.color.CIELabColor.from_rgb(*segment.rgb),
    )
    description.SegmentDescription = f"{segment.text} {NOTICE}"
    if lungs:
        of_type = description.SegmentedPropertyTypeCodeSequence[0]
        of_type.SegmentedPropertyTypeModifierCodeSequence = both
    else:
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = both
    return description
