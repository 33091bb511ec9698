"""Lungs and infected region as a DICOM Segmentation object in the source film's stored grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage, Float32Image
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    SERIES_SEG,
    check_extra,
    equipment,
    guarded,
    header_of,
    version_of,
)
from infmap.dicom.orient import as_stored

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

Kind = Literal["binary", "fractional"]
LUNGS, INFECTED = 1, 2
LEVELS = 255


def infection_seg(
    source: Dataset,
    lungs: BoolImage,
    infected: BoolImage,
    probability: Float32Image | None = None,
    *,
    model: str,
    kind: Kind = "binary",
) -> Segmentation:
    """Make a Segmentation object (PS3.3 A.51) of one film.

    It has two frames, also where a region is empty: segment 1 is the lungs, segment 2 the
    infected region. They lie in the pixel grid that the film is stored in, whichever way the
    reader turned it; a viewer can lay them over the film as it is.

    Args:
        source: the film, with or without pixels; left as it is. Needs no frame of reference.
        lungs: bool (H, W), (row, column), film pixels as ``read_radiograph`` gives them.
        infected: bool (H, W), the same grid.
        probability: float32 (H, W), the same grid, infection in [0, 1]; for "fractional" only.
        model: "name@version".
        kind: "binary", or "fractional": the infection probability in 256 steps instead of the
            region; the lungs are then 0 or 1.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, as the standard
        asks for; UIDs are new.

    Raises:
        MissingExtra: highdicom is not installed.
        UsageError: planes of another size than the film, an unknown kind, or no probability.
        UnreadableFilm: the film's header lacks what a reference needs, or is damaged.
    """
    check_extra()
    import highdicom as hd

    if kind not in ("binary", "fractional"):
        raise UsageError(f"expected kind binary or fractional, got {kind}")
    second: NDArray[Any] = infected
    if kind == "fractional":
        if probability is None:
            raise UsageError("expected a probability plane for a fractional SEG, got none")
        second = np.clip(probability, 0.0, 1.0)
    with guarded("a DICOM film to make a SEG of"):
        header = header_of(source)
        # Spacing would come without a slice thickness, which a projection has none of, and
        # readers refuse that; the reference to the film says it all (PS3.3 table A.51-2).
        header.pop("PixelSpacing", None)
        stored = np.stack([_stored(lungs, header), _stored(second, header)], axis=-1)
        seg = hd.seg.Segmentation(
            source_images=[header],
            pixel_array=stored[np.newaxis].astype(np.uint8 if kind == "binary" else np.float32),
            segmentation_type=kind.upper(),
            segment_descriptions=_descriptions(model),
            series_instance_uid=hd.UID(),
            series_number=SERIES_SEG,
            sop_instance_uid=hd.UID(),
            fractional_type="PROBABILITY",
            max_fractional_value=LEVELS,
            content_label="INFECTION",
            content_description=NOTICE,
            # Empty frames stay, so that the frames are always lungs and infection.
            omit_empty_frames=False,
            **equipment("Lungs and infected region", model),
        )
        # The same grid as the film's, so the same directions (PS3.3 C.7.6.1, type 2C).
        seg.PatientOrientation = header.get("PatientOrientation") or None
    return seg


def _stored(plane: NDArray[Any], header: Dataset) -> NDArray[Any]:
    """One plane in the film's stored grid."""
    turned = as_stored(plane, header)
    expected = int(header.Rows), int(header.Columns)
    if plane.ndim != 2 or turned.shape != expected:
        raise UsageError(
            f"expected planes of the film's {expected[0]} x {expected[1]} pixels, "
            f"got {turned.shape}; give the film that was judged"
        )
    return turned


def _descriptions(model: str) -> list[SegmentDescription]:
    """Segments 1 and 2, coded in SNOMED CT and DICOM terms."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name=MAKER,
        family=codes.DCM.ArtificialIntelligence,
        version=version_of(),
        source=MAKER,
        parameters={"model": model, "use": NOTICE},
    )
    kinds = (
        (
            LUNGS,
            "Lungs",
            codes.SCT.AnatomicalStructure,
            codes.SCT.Lung,
            (140, 190, 240),
            f"Both lungs. {NOTICE}",
        ),
        (
            INFECTED,
            "COVID-19 infected region",
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.DCM.Opacity,
            (230, 65, 25),
            f"Lung opacity that the model takes for COVID-19 infection. {NOTICE}",
        ),
    )
    described = []
    for number, label, category, of_type, rgb, text in kinds:
        description = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=category,
            segmented_property_type=of_type,
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            tracking_uid=hd.UID(),
            tracking_id=label,
            anatomic_regions=None if number == LUNGS else [codes.SCT.Lung],
            display_color=hd.color.CIELabColor.from_rgb(*rgb),
        )
        description.SegmentDescription = text
        if number == LUNGS:
            of_type = description.SegmentedPropertyTypeCodeSequence[0]
            of_type.SegmentedPropertyTypeModifierCodeSequence = [
                hd.sr.CodedConcept.from_code(codes.SCT.RightAndLeft)
            ]
        described.append(description)
    return described
