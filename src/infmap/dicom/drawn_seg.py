"""Masks that readers drew, as a DICOM Segmentation in the film's stored grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    SERIES_SEG,
    check_extra,
    equipment,
    guarded,
    tracking_of,
    version_of,
)
from infmap.dicom.seg import complete, stored_plane
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

# Apart from the system's own reading of the same film, which is series SERIES_SEG.
SERIES_DRAWN = SERIES_SEG + 10


@dataclass(frozen=True, eq=False)
class DrawnRegion:
    """One segment.

    Attributes:
        label: what a viewer lists.
        plane: bool (H, W), (row, column), film pixels as displayed.
        lungs: it shows the lungs, not a finding in them.
        pleural: it shows a pleural effusion.
    """

    label: str
    plane: BoolImage
    lungs: bool = False
    pleural: bool = False


def drawn_seg(
    source: Dataset, regions: Sequence[DrawnRegion], *, sha256: str, origin: str, by_hand: bool
) -> Segmentation:
    """Make a Segmentation object (PS3.3 A.51) of what readers approved of one film.

    Each region is a segment with one frame, also where it is empty, in the pixel grid that the film
    is stored in.

    Args:
        source: the film, with or without pixels; left as it is.
        regions: one or more.
        sha256: of the film's file; UIDs are made of it where the film has none.
        origin: how the mask came to be, such as "hand" or "staple of 2 readers".
        by_hand: no network had a part in it.

    Returns:
        The object, ready for ``save_as``. The same content of the same film has the same UIDs.

    Raises:
        MissingExtra: highdicom is not installed.
        UsageError: no region, or planes of another size than the film.
        UnreadableFilm: the film's header is damaged.
    """
    check_extra()
    import highdicom as hd

    from infmap.dicom.header import film_header

    if not regions:
        raise UsageError("expected one region or more for a SEG, got none")
    with guarded("a DICOM film to make a SEG of"):
        header = film_header(source, sha256).dataset
        planes = (region.plane.astype(np.uint8) for region in regions)
        stored = np.stack([stored_plane(plane, source) for plane in planes], axis=-1)
        header.Rows, header.Columns = stored.shape[:2]
        labels = "\x1f".join(region.label for region in regions)
        uid = uid_from("drawn seg", str(header.SOPInstanceUID), sha256, labels, stored.tobytes())
        seg = hd.seg.Segmentation(
            source_images=[header],
            pixel_array=stored[np.newaxis],
            segmentation_type="BINARY",
            segment_descriptions=[
                _description(number, region, header, origin, by_hand)
                for number, region in enumerate(regions, 1)
            ],
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_DRAWN,
            sop_instance_uid=uid,
            content_label="DRAWN",
            content_description=NOTICE,
            # Empty frames stay, so that a segment's frame is always that of its number.
            omit_empty_frames=False,
            **equipment("Masks by readers", origin),
        )
        complete(seg, header)
        # The moment of writing is no content: the same masks have the same bytes.
        _fix_times(seg, header)
    return seg


def _fix_times(seg: Segmentation, header: Dataset) -> None:
    day, time = header.get("StudyDate") or "19700101", header.get("StudyTime") or "000000"
    for keyword in ("ContentDate", "InstanceCreationDate", "SeriesDate"):
        if keyword in seg:
            setattr(seg, keyword, day)
    for keyword in ("ContentTime", "InstanceCreationTime", "SeriesTime"):
        if keyword in seg:
            setattr(seg, keyword, time)
    for item in seg.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{day}{time}"


def _description(
    number: int, region: DrawnRegion, header: Dataset, origin: str, by_hand: bool
) -> SegmentDescription:
    """A segment, coded in SNOMED CT and DICOM terms."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    # Ground glass, consolidation and infection are opacities; their labels say which.
    finding = codes.SCT.PleuralEffusion if region.pleural else codes.DCM.Opacity
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=region.label,
        segmented_property_category=(
            codes.SCT.AnatomicalStructure
            if region.lungs
            else codes.SCT.MorphologicallyAbnormalStructure
        ),
        segmented_property_type=codes.SCT.Lung if region.lungs else finding,
        # A reader approved it, whatever a network proposed.
        algorithm_type="MANUAL" if by_hand else "SEMIAUTOMATIC",
        algorithm_identification=None
        if by_hand
        else hd.AlgorithmIdentificationSequence(
            name=MAKER,
            family=codes.DCM.ArtificialIntelligence,
            version=version_of(),
            source=MAKER,
            parameters={"origin": origin, "use": NOTICE},
        ),
        tracking_uid=tracking_of(header, "drawn", region.label),
        tracking_id=region.label,
        anatomic_regions=None if region.lungs else [codes.SCT.Lung],
    )
