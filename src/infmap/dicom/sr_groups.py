"""Measurement groups of the report: TID 1410, each with the contour of its region.

A group whose place has no contour, as none of the lungs was found, is one of TID 1501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import highdicom as hd
import numpy as np

from infmap.core.types import BoolImage, Prediction
from infmap.dicom import codes
from infmap.dicom.derived import MAKER, NOTICE, tracking_of, version_of
from infmap.dicom.findings import Group, findings
from infmap.dicom.orient import as_stored
from infmap.dicom.outline import Line, box_around, outlines
from infmap.dicom.seg import Segment

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import CodedConcept, ImageContentItem, MeasurementsAndQualitativeEvaluations
    from pydicom.dataset import Dataset


def groups(
    source: Dataset, header: Dataset, p: Prediction, segmentation: Segmentation | None
) -> list[MeasurementsAndQualitativeEvaluations]:
    """The groups of a film as content items.

    Args:
        source: the film; its orientation tells the stored grid, which contours are in.
        header: of ``film_header``.
        p: what the system says of the film.
        segmentation: of the same film, whose segments groups refer to; None for no reference.
    """
    return [_content(source, header, p, group, segmentation) for group in findings(p)]


def concept(code: codes.Triple) -> CodedConcept:
    """A coded concept, with its equivalent in RadLex where it has one."""
    made = hd.sr.CodedConcept(*code)
    if code in codes.EQUIVALENT:
        made.EquivalentCodeSequence = [hd.sr.CodedConcept(*codes.EQUIVALENT[code])]
    return made


def _content(
    source: Dataset,
    header: Dataset,
    p: Prediction,
    group: Group,
    segmentation: Segmentation | None,
) -> MeasurementsAndQualitativeEvaluations:
    """A group as content items."""
    common = {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=tracking_of(header, p.model, group.label), identifier=group.label
        ),
        "finding_type": concept(codes.OPACITY) if group.opaque else None,
        "finding_sites": [hd.sr.FindingSite(concept(group.site), laterality=concept(group.side))],
        "algorithm_id": hd.sr.AlgorithmIdentification(
            name=MAKER,
            version=version_of(),
            # Once where the film is assessed; the other groups are parts of that.
            parameters=_parameters(p) if group.evaluations else None,
        ),
        "measurements": [
            hd.sr.Measurement(
                name=concept(f.name),
                value=f.value,
                unit=concept(f.unit),
                method=concept(f.method),
            )
            for f in group.figures
        ],
        "qualitative_evaluations": [
            hd.sr.QualitativeEvaluation(concept(name), concept(value))
            for name, value in group.evaluations
        ],
    }
    film = header.SOPClassUID, header.SOPInstanceUID
    line = _contour(as_stored(group.region, source), boxed=group.boxed)
    if line is None:
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            source_images=[hd.sr.SourceImageForMeasurementGroup(*film)], **common
        )
    content = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=hd.sr.ImageRegion(
            "POLYLINE", line.astype(np.float32), hd.sr.SourceImageForRegion(*film)
        ),
        **common,
    )
    if segmentation is not None and group.segment is not None:
        content[0].ContentSequence.append(_illustration(segmentation, group.segment))
    return content


def _contour(region: BoolImage, *, boxed: bool) -> Line | None:
    """The one contour of a group: of the largest part of a region, or the box around all of it."""
    if boxed:
        return box_around(region)
    # One line only: viewers show one region a group, and the segment has all parts.
    return next(iter(outlines(region)), None)


def _illustration(segmentation: Segmentation, segment: Segment) -> ImageContentItem:
    """The segment with the whole region, in the only row of TID 1410 that a contour leaves for it.

    Referenced Segmentation Frame is forbidden beside an Image Region.
    """
    return hd.sr.ImageContentItem(
        name=concept(codes.ILLUSTRATION),
        referenced_sop_class_uid=segmentation.SOPClassUID,
        referenced_sop_instance_uid=segmentation.SOPInstanceUID,
        referenced_segment_numbers=segment.number,
        relationship_type="CONTAINS",
    )


def _parameters(p: Prediction) -> list[str]:
    points = [f"{name} {value:.4g}" for name, value in p.thresholds.items()]
    said = [f"model: {p.model}"]
    said += [f"model checksum, SHA-256: {p.model_sha256}"] if p.model_sha256 else []
    said += [f"operating points: {', '.join(points)}"] if points else []
    return [*said, NOTICE]
