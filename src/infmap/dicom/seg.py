"""Lungs, infected regions and opacity as a DICOM Segmentation in the film's stored grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import Prediction, RealArray
from infmap.dicom import codes
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    SERIES_FRACTIONAL,
    SERIES_SEG,
    check_extra,
    equipment,
    guarded,
    identity_of,
    tracking_of,
    version_of,
)
from infmap.dicom.moment import film_moment, stamp
from infmap.dicom.orient import as_stored
from infmap.dicom.regions import Regions
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

Kind = Literal["binary", "fractional"]
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
        side: code of the side of the patient that it lies on.
        lung: it is a lung, not an abnormal region in it.
    """

    number: int
    label: str
    text: str
    rgb: tuple[int, int, int]
    side: codes.Triple
    lung: bool = False


_INFECTED = "Lung opacity that the model attributes to COVID-19"
LUNG_RIGHT = Segment(1, "Right lung", "Right lung.", (140, 190, 240), codes.RIGHT, lung=True)
LUNG_LEFT = Segment(2, "Left lung", "Left lung.", (100, 160, 230), codes.LEFT, lung=True)
INFECTED_RIGHT = Segment(
    3,
    "COVID-19 infected region, right lung",
    f"{_INFECTED}, right lung.",
    (230, 65, 25),
    codes.RIGHT,
)
INFECTED_LEFT = Segment(
    4,
    "COVID-19 infected region, left lung",
    f"{_INFECTED}, left lung.",
    (215, 45, 90),
    codes.LEFT,
)
OPACITY = Segment(
    5,
    "Lung opacity",
    "Lung opacity, whatever its cause.",
    (250, 200, 60),
    codes.RIGHT_AND_LEFT,
)
SEGMENTS = (LUNG_RIGHT, LUNG_LEFT, INFECTED_RIGHT, INFECTED_LEFT, OPACITY)


def infection_seg(
    source: Dataset,
    prediction: Prediction,
    *,
    kind: Kind = "binary",
    when: datetime | None = None,
) -> Segmentation:
    """Make a Segmentation object (PS3.3 A.51) of one film.

    It has five frames, also where a region is empty: segments 1 and 2 are the right and the left
    lung, 3 and 4 the infected region in them, 5 opacity of any cause. They lie in the pixel grid
    that the film is stored in, however reading rotated it; a viewer can lay them over the film as
    it is.

    Args:
        source: the film, with or without pixels; left as it is. Needs no frame of reference.
        prediction: what the system says of it.
        kind: "binary", or "fractional": the probabilities of infection and opacity in 256 steps
            instead of the regions; the lungs are then 0 or 1.
        when: date and time of the content; the film's without it.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, see ``film_header``
        for what is repaired. The same content of the same film has the same UIDs, and with the
        same ``when`` the same bytes.

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
        stored = np.stack([stored_plane(p, source) for p in _planes(prediction, kind)], axis=-1)
        header.Rows, header.Columns = stored.shape[:2]
        uid = uid_from("seg", kind, *identity_of(header, prediction), stored.tobytes())
        seg = hd.seg.Segmentation(
            source_images=[header],
            pixel_array=stored[np.newaxis],
            segmentation_type=kind.upper(),
            segment_descriptions=[_description(s, header, prediction.model) for s in SEGMENTS],
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_SEG if kind == "binary" else SERIES_FRACTIONAL,
            sop_instance_uid=uid,
            fractional_type="PROBABILITY",
            max_fractional_value=LEVELS,
            content_label="INFECTION",
            content_description=NOTICE,
            # Empty frames stay, so that a segment's frame is always that of its number.
            omit_empty_frames=False,
            **equipment("Lungs, infected region, opacity", prediction.model),
        )
        complete(seg, header)
        stamp(seg, when or film_moment(source))
    return seg


def _planes(p: Prediction, kind: Kind) -> tuple[RealArray, ...]:
    """Planes (H, W) of the segments, film pixels: uint8 0 or 1, or float32 in [0, 1]."""
    r = Regions.of(p)
    if kind == "binary":
        planes = (r.right, r.left, r.infected_right, r.infected_left, r.opaque)
        return tuple(plane.astype(np.uint8) for plane in planes)
    infection, opacity = (np.clip(plane, 0.0, 1.0) for plane in (p.infection, p.opacity))
    sides = r.right.astype(np.float32), r.left.astype(np.float32)
    return (*sides, *(infection * side for side in sides), opacity)


def complete(seg: Segmentation, header: Dataset) -> None:
    """Add, in place, what highdicom leaves out of a Segmentation of one film, or makes at random.

    Args:
        seg: the object.
        header: of ``film_header``.
    """
    # The same grid as the film's, so the same directions (PS3.3 C.7.6.1, type 2C).
    seg.PatientOrientation = header.get("PatientOrientation") or None
    # Type 2, empty: a program made it, or readers whose names stay in the station.
    seg.ContentCreatorName = None
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid_from("dimensions", str(seg.SOPInstanceUID))


def stored_plane(plane: RealArray, source: Dataset) -> RealArray:
    """A plane (H, W) of displayed film pixels, in the grid that the film is stored in.

    Raises:
        UsageError: it is of another size than the film.
    """
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
    from pydicom.sr.codedict import codes as known

    side = [hd.sr.CodedConcept(*segment.side)]
    description = hd.seg.SegmentDescription(
        segment_number=segment.number,
        segment_label=segment.label,
        segmented_property_category=(
            known.SCT.AnatomicalStructure
            if segment.lung
            else known.SCT.MorphologicallyAbnormalStructure
        ),
        segmented_property_type=known.SCT.Lung if segment.lung else known.DCM.Opacity,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MAKER,
            family=known.DCM.ArtificialIntelligence,
            version=version_of(),
            source=MAKER,
            parameters={"model": model, "use": NOTICE},
        ),
        tracking_uid=tracking_of(header, model, segment.label),
        tracking_id=segment.label,
        anatomic_regions=None if segment.lung else [known.SCT.Lung],
        display_color=hd.color.CIELabColor.from_rgb(*segment.rgb),
    )
    description.SegmentDescription = f"{segment.text} {NOTICE}"
    if segment.lung:
        of_type = description.SegmentedPropertyTypeCodeSequence[0]
        of_type.SegmentedPropertyTypeModifierCodeSequence = side
    else:
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = side
    return description
