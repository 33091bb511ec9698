"""Measurement groups of the report: TID 1410, each with the contour of its region.

A group whose place has no contour, as none of the lungs was found, is one of TID 1501.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import highdicom as hd
import numpy as np

from infmap.core.types import ZONES, BoolImage, Prediction
from infmap.dicom import codes
from infmap.dicom.derived import MAKER, NOTICE, tracking_of, version_of
from infmap.dicom.orient import as_stored
from infmap.dicom.outline import Line, box_around, outlines
from infmap.dicom.regions import Regions
from infmap.dicom.seg import (
    INFECTED_LEFT,
    INFECTED_RIGHT,
    LUNG_LEFT,
    LUNG_RIGHT,
    OPACITY,
    Segment,
)

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import CodedConcept, ImageContentItem, MeasurementsAndQualitativeEvaluations
    from pydicom.dataset import Dataset

HEIGHTS = (codes.UPPER_ZONE, codes.MIDDLE_ZONE, codes.LOWER_ZONE)


@dataclass(frozen=True)
class Figure:
    """One measurement.

    Attributes:
        name: what it is.
        value: in the unit; NaN where it was not measured.
        unit: of UCUM.
        method: what it is read from.
    """

    name: codes.Triple
    value: float
    unit: codes.Triple
    method: codes.Triple


@dataclass(frozen=True)
class Group:
    """Measurements and evaluations of one place.

    Attributes:
        label: tracking identifier.
        site: anatomic place.
        side: its laterality.
        opaque: opacity is found there.
        figures: measurements.
        evaluations: (name, value) pairs.
        region: bool (H, W), film pixels, what the contour runs around.
        boxed: the contour is the rectangle around the region, which is the place that was
            searched and not a finding.
        segment: the segment that is the region; None where there is none.
    """

    label: str
    site: codes.Triple
    side: codes.Triple
    opaque: bool
    figures: tuple[Figure, ...]
    region: BoolImage
    evaluations: tuple[tuple[codes.Triple, codes.Triple], ...] = ()
    boxed: bool = False
    segment: Segment | None = None


def groups(
    source: Dataset, header: Dataset, p: Prediction, segmentation: Segmentation | None
) -> list[MeasurementsAndQualitativeEvaluations]:
    """The groups of a film as content items; those without figures and evaluations left out.

    Args:
        source: the film; its orientation tells the stored grid, which contours are in.
        header: of ``film_header``.
        p: what the system says of the film.
        segmentation: of the same film, whose segments groups refer to; None for no reference.
    """
    r = Regions.of(p)
    found = (_opacity(p, r), _covid(p), *_infected(p, r), *_lungs(p, r), *_zones(p, r))
    return [
        _content(source, header, p, group, segmentation)
        for group in found
        if group.evaluations or any(math.isfinite(f.value) for f in group.figures)
    ]


def concept(code: codes.Triple) -> CodedConcept:
    """A coded concept, with its equivalent in RadLex where it has one."""
    made = hd.sr.CodedConcept(*code)
    if code in codes.EQUIVALENT:
        made.EquivalentCodeSequence = [hd.sr.CodedConcept(*codes.EQUIVALENT[code])]
    return made


def _opacity(p: Prediction, r: Regions) -> Group:
    """Opacity of both lungs, whatever its cause, with extent and severity."""
    low, high = p.severity.interval
    scores = ((codes.EXTENT, p.severity.extent_score), (codes.EXTENT_LOW, low))
    return Group(
        OPACITY.label,
        codes.LUNG,
        codes.RIGHT_AND_LEFT,
        bool(p.opaque.any()),
        (
            _share(codes.OPACITY_SHARE, p.opacity_fraction, codes.OPACITY_MAP),
            *(
                Figure(name, value, codes.OF_EIGHT, codes.OPACITY_MEAN)
                for name, value in (*scores, (codes.EXTENT_HIGH, high))
            ),
        ),
        evaluations=(
            (codes.SEVERITY, codes.GRADE_CODES[p.severity.grade]),
            *((codes.POSSIBLE_GRADE, codes.GRADE_CODES[grade]) for grade in p.severity.grades),
        ),
        region=r.opaque if r.opaque.any() else p.lungs,
        boxed=not r.opaque.any(),
        segment=OPACITY if r.opaque.any() else None,
    )


def _covid(p: Prediction) -> Group:
    """COVID-19: an evaluation of both lungs and no finding, whatever its outcome."""
    outcome = codes.DETECTED if p.covid_detected else codes.NOT_DETECTED
    return Group(
        f"COVID-19: {outcome[2].lower()}",
        codes.LUNG,
        codes.RIGHT_AND_LEFT,
        False,
        (
            _share(codes.PROBABILITY, p.covid_probability, codes.WHOLE_FILM),
            _share(codes.OPERATING_POINT, p.thresholds.get("covid", math.nan), codes.WHOLE_FILM),
            _share(codes.INFECTED_SHARE, p.infected_fraction, codes.INFECTION_MAP),
        ),
        evaluations=((codes.COVID19, outcome),),
        region=p.lungs,
        boxed=True,
    )


def _infected(p: Prediction, r: Regions) -> tuple[Group, ...]:
    """The regions that are attributed to COVID-19, one a lung; none where nothing is infected."""
    sides = (
        (INFECTED_RIGHT, r.infected_right, p.infected_fraction_right),
        (INFECTED_LEFT, r.infected_left, p.infected_fraction_left),
    )
    return tuple(
        Group(
            segment.label,
            codes.LUNG,
            segment.side,
            True,
            (_share(codes.INFECTED_SHARE, share, codes.INFECTION_MAP),),
            region=region,
            segment=segment,
        )
        for segment, region, share in sides
        if region.any()
    )


def _lungs(p: Prediction, r: Regions) -> tuple[Group, ...]:
    """The patient's right and left lung."""
    s = p.severity
    sides = (
        (
            LUNG_RIGHT,
            r.right,
            p.opacity_fraction_right,
            p.infected_fraction_right,
            s.extent_right,
        ),
        (LUNG_LEFT, r.left, p.opacity_fraction_left, p.infected_fraction_left, s.extent_left),
    )
    return tuple(
        Group(
            lung.label,
            codes.LUNG,
            lung.side,
            opacity > 0,
            (
                _share(codes.OPACITY_SHARE, opacity, codes.OPACITY_MAP),
                _share(codes.INFECTED_SHARE, infected, codes.INFECTION_MAP),
                Figure(
                    codes.EXTENT_OF_LUNG,
                    extent if math.isfinite(opacity) else math.nan,
                    codes.OF_FOUR,
                    codes.OPACITY_MEAN,
                ),
            ),
            region=region,
            segment=lung if region.any() else None,
        )
        for lung, region, opacity, infected, extent in sides
    )


def _zones(p: Prediction, r: Regions) -> tuple[Group, ...]:
    """The Brixia zones: A to C the right lung from apex to base, D to F the left."""
    found = []
    for index, zone in enumerate(ZONES):
        height = HEIGHTS[index % 3]
        side, name = (codes.RIGHT, "right") if index < 3 else (codes.LEFT, "left")
        share = p.zones.get(zone, math.nan)
        where = height[2].replace("zone of lung", f"zone of {name} lung").lower()
        found.append(
            Group(
                f"Zone {zone}, {where}",
                height,
                side,
                share > 0,
                (_share(codes.INFECTED_SHARE_OF_ZONE, share, codes.INFECTION_MAP),),
                region=r.zones.plane(zone),
            )
        )
    return tuple(found)


def _share(name: codes.Triple, share: float, method: codes.Triple) -> Figure:
    return Figure(name, 100.0 * share, codes.PERCENT, method)


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
                # DS holds 16 characters; a thousandth of a per cent is finer than any of the
                # figures.
                value=round(f.value, 3),
                unit=concept(f.unit),
                method=concept(f.method),
            )
            for f in group.figures
            if math.isfinite(f.value)
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
