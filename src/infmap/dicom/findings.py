"""What is measured on a film, group by group: what report and FHIR bundle both are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from infmap.core.types import ZONES, BoolImage, Prediction
from infmap.dicom import codes
from infmap.dicom.regions import Regions
from infmap.dicom.seg import (
    INFECTED_LEFT,
    INFECTED_RIGHT,
    LUNG_LEFT,
    LUNG_RIGHT,
    OPACITY,
    Segment,
)

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


def findings(p: Prediction, *, unmeasured: bool = False) -> list[Group]:
    """The groups of a film, in the order of a report.

    Args:
        p: what the system says of the film.
        unmeasured: keep figures that were not measured, as NaN, and groups of nothing else.

    Returns:
        Opacity of both lungs, COVID-19, the infected region of each lung, right lung, left lung,
        the six Brixia zones. A figure that was not measured is left out, and so is a group that
        has neither figures nor evaluations then.
    """
    r = Regions.of(p)
    every = (_opacity(p, r), _covid(p), *_infected(p, r), *_lungs(p, r), *_zones(p, r))
    measured = [replace(g, figures=tuple(_rounded(g.figures, unmeasured))) for g in every]
    return [group for group in measured if group.evaluations or group.figures]


def _rounded(figures: tuple[Figure, ...], unmeasured: bool) -> Iterator[Figure]:
    for figure in figures:
        if math.isfinite(figure.value):
            # DICOM's DS holds 16 characters; a thousandth of a per cent is finer than any of the
            # figures.
            yield replace(figure, value=round(figure.value, 3))
        elif unmeasured:
            yield figure


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
