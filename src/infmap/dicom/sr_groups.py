"""Measurement groups of the report: TID 1410 where a segment shows the region, else TID 1501."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import highdicom as hd

from infmap.core.types import ZONES, Prediction
from infmap.dicom import codes
from infmap.dicom.derived import MAKER, NOTICE, tracking_of, version_of
from infmap.dicom.seg import INFECTED, OPACITY, SEGMENTS

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import CodedConcept, MeasurementsAndQualitativeEvaluations
    from pydicom.dataset import Dataset

Code = tuple[str, str, str]
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

    name: Code
    value: float
    unit: Code
    method: Code


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
        segment: number of the segment that shows the region; 0 for none.
    """

    label: str
    site: Code
    side: Code
    opaque: bool
    figures: tuple[Figure, ...]
    evaluations: tuple[tuple[Code, Code], ...] = ()
    segment: int = 0


def groups(
    header: Dataset, p: Prediction, segmentation: Segmentation | None
) -> list[MeasurementsAndQualitativeEvaluations]:
    """The groups of a film as content items; those without figures and evaluations left out."""
    found = (_opacity(p), _covid(p), *_lungs(p), *_zones(p))
    return [
        _content(header, p, group, segmentation)
        for group in found
        if group.evaluations or any(math.isfinite(f.value) for f in group.figures)
    ]


def concept(code: Code) -> CodedConcept:
    """A coded concept of (value, scheme, meaning)."""
    return hd.sr.CodedConcept(*code)


def _opacity(p: Prediction) -> Group:
    """Opacity of both lungs, whatever its cause, with extent and severity."""
    low, high = p.severity.interval
    scores = ((codes.EXTENT, p.severity.extent_score), (codes.EXTENT_LOW, low))
    return Group(
        SEGMENTS[OPACITY - 1].label,
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
        (
            (codes.SEVERITY, codes.GRADE_CODES[p.severity.grade]),
            *((codes.POSSIBLE_GRADE, codes.GRADE_CODES[grade]) for grade in p.severity.grades),
        ),
        OPACITY if p.opaque.any() else 0,
    )


def _covid(p: Prediction) -> Group:
    """COVID-19: an evaluation of the film, no finding; the region where there is one."""
    outcome = codes.DETECTED if p.covid_detected else codes.NOT_DETECTED
    return Group(
        SEGMENTS[INFECTED - 1].label if p.infected.any() else "COVID-19",
        codes.LUNG,
        codes.RIGHT_AND_LEFT,
        False,
        (
            _share(codes.PROBABILITY, p.covid_probability, codes.WHOLE_FILM),
            _share(codes.OPERATING_POINT, p.thresholds.get("covid", math.nan), codes.WHOLE_FILM),
            _share(codes.INFECTED_SHARE, p.infected_fraction, codes.INFECTION_MAP),
        ),
        ((codes.COVID19, outcome),),
        INFECTED if p.infected.any() else 0,
    )


def _lungs(p: Prediction) -> tuple[Group, ...]:
    """The patient's right and left lung."""
    s = p.severity
    sides = (
        ("right", codes.RIGHT, p.opacity_fraction_right, p.infected_fraction_right, s.extent_right),
        ("left", codes.LEFT, p.opacity_fraction_left, p.infected_fraction_left, s.extent_left),
    )
    return tuple(
        Group(
            f"Lung opacity, {name} lung",
            codes.LUNG,
            side,
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
        )
        for name, side, opacity, infected, extent in sides
    )


def _zones(p: Prediction) -> tuple[Group, ...]:
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
            )
        )
    return tuple(found)


def _share(name: Code, share: float, method: Code) -> Figure:
    return Figure(name, 100.0 * share, codes.PERCENT, method)


def _content(
    header: Dataset, p: Prediction, group: Group, segmentation: Segmentation | None
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
    if segmentation is None or not group.segment:
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            source_images=[hd.sr.SourceImageForMeasurementGroup(*film)], **common
        )
    # Built by hand: from_segmentation looks for frame positions, which a film has none of.
    region = hd.sr.ReferencedSegmentationFrame(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        frame_number=group.segment,
        segment_number=group.segment,
        source_image=hd.sr.SourceImageForSegmentation(*film),
    )
    # One of the two says it; both at once is forbidden (PS3.3 table 10-3).
    del region[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=region, **common)


def _parameters(p: Prediction) -> list[str]:
    points = [f"{name} {value:.4g}" for name, value in p.thresholds.items()]
    said = [f"model: {p.model}"]
    said += [f"model checksum, SHA-256: {p.model_sha256}"] if p.model_sha256 else []
    said += [f"operating points: {', '.join(points)}"] if points else []
    return [*said, NOTICE]
