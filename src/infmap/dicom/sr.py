"""Severity and detection as a DICOM Structured Report: TID 1500, Measurement Report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from infmap.core.types import Prediction
from infmap.dicom.derived import (
    MAKER,
    NOTICE,
    SERIES_SR,
    check_extra,
    equipment,
    guarded,
    version_of,
)
from infmap.dicom.seg import INFECTED

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import ComprehensiveSR
    from pydicom.dataset import Dataset

SCHEME = "99INFMAP"
# No public scheme has codes for these; the meanings are what a reader sees.
SHARE = ("infected-share", SCHEME, "Infected share of lung area")
EXTENT = ("extent-score", SCHEME, "Geographic extent score")
PROBABILITY = ("covid19-probability", SCHEME, "Probability of COVID-19")
COVID19 = ("840539006", "SCT", "COVID-19")
XRAY = ("43468-8", "LN", "X-Ray Report")


def severity_report(
    source: Dataset,
    prediction: Prediction,
    *,
    segmentation: Segmentation | None = None,
) -> ComprehensiveSR:
    """Make a Comprehensive SR (PS3.3 A.35.3, content TID 1500) of one film.

    Three groups of measurements: both lungs (infected share, extent score 0 to 8, probability of
    COVID-19), right lung and left lung (infected share, extent score 0 to 4). Shares and the
    probability are percentages. A figure that could not be measured is left out.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        segmentation: what ``infection_seg`` made of the same film; the first group then refers
            to its infected region.

    Returns:
        The object, complete, neither final nor verified, ready for ``save_as``. Patient and
        study are the film's, as the standard asks for; UIDs are new.

    Raises:
        MissingExtra: highdicom is not installed.
        UnreadableFilm: the film's header lacks what a reference needs, or is damaged.
    """
    check_extra()
    import highdicom as hd
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    from infmap.dicom.header import film_header

    with guarded("a DICOM film to report on"):
        header = film_header(source, prediction.radiograph.sha256).dataset
        observer = hd.sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=generate_uid(entropy_srcs=[MAKER, prediction.model]),
                name=MAKER,
                manufacturer_name=MAKER,
                model_name=prediction.model,
            ),
        )
        content = hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(observer_device_context=observer),
            procedure_reported=_code(XRAY),
            imaging_measurements=_groups(header, prediction, segmentation),
            title=codes.DCM.ImagingMeasurementReport,
            language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
                hd.sr.CodedConcept("en-US", "RFC5646", "English (United States)")
            ),
        )
        # TID 1500 is extensible: a comment at the root is for the whole report.
        content[0].ContentSequence.append(
            hd.sr.TextContentItem(
                name=codes.DCM.Comment,
                value=_comment(prediction),
                relationship_type="CONTAINS",
            )
        )
        evidence = [header] if segmentation is None else [header, segmentation]
        report = hd.sr.ComprehensiveSR(
            evidence=evidence,
            content=content[0],
            series_instance_uid=hd.UID(),
            series_number=SERIES_SR,
            sop_instance_uid=hd.UID(),
            is_complete=True,
            coding_schemes=[CodingSchemeIdentificationItem(SCHEME, name="infmap private codes")],
            **equipment("COVID-19 severity report", prediction.model),
        )
    return report


def _groups(header: Dataset, p: Prediction, segmentation: Segmentation | None) -> list[Any]:
    """The measurement groups: both lungs, right, left; those without figures left out."""
    from pydicom.sr.codedict import codes

    severity = p.severity
    both = _figures(p.infected_fraction, severity.extent_score, "{0:8}", p.covid_probability)
    right = _figures(p.infected_fraction_right, severity.extent_right, "{0:4}")
    left = _figures(p.infected_fraction_left, severity.extent_left, "{0:4}")
    sides = (
        ("both lungs", codes.SCT.RightAndLeft, both, segmentation),
        ("right lung", codes.SCT.Right, right, None),
        ("left lung", codes.SCT.Left, left, None),
    )
    return [_group(header, p.model, *side) for side in sides if side[2]]


def _figures(share: float, extent: float, scale: str, covid: float = math.nan) -> list[Any]:
    """Measurements of one side; NaN means not measured."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    score = hd.sr.CodedConcept(scale, "UCUM", f"range 0..{scale[-2]}")
    rows = (
        (SHARE, 100.0 * share, codes.UCUM.Percent),
        (EXTENT, extent if math.isfinite(share) else math.nan, score),
        (PROBABILITY, 100.0 * covid, codes.UCUM.Percent),
    )
    return [
        hd.sr.Measurement(name=_code(name), value=round(value, 3), unit=unit)
        for name, value, unit in rows
        if math.isfinite(value)
    ]


def _group(
    header: Dataset,
    model: str,
    name: str,
    laterality: Any,
    measurements: list[Any],
    segmentation: Segmentation | None,
) -> Any:
    """One group, of the infected region where a segmentation holds it, else of the film."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    common = {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=hd.UID(), identifier=f"COVID-19 infection, {name}"
        ),
        "finding_type": _code(COVID19),
        "finding_sites": [hd.sr.FindingSite(codes.SCT.Lung, laterality=laterality)],
        "algorithm_id": hd.sr.AlgorithmIdentification(
            name=MAKER, version=version_of(), parameters=[f"model: {model}", NOTICE]
        ),
        "measurements": measurements,
    }
    film = header.SOPClassUID, header.SOPInstanceUID
    if segmentation is None:
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            source_images=[hd.sr.SourceImageForMeasurementGroup(*film)], **common
        )
    # Built by hand: from_segmentation looks for frame positions, which a film has none of.
    region = hd.sr.ReferencedSegmentationFrame(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        frame_number=INFECTED,
        segment_number=INFECTED,
        source_image=hd.sr.SourceImageForSegmentation(*film),
    )
    # One of the two says it; both at once is forbidden (PS3.3 table 10-3).
    del region[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=region, **common)


def _comment(p: Prediction) -> str:
    """The text of the report; warnings of the run may name files, so they stay out."""
    low, high = p.severity.interval
    detected = "reaches" if p.covid_detected else "does not reach"
    return (
        f"{NOTICE} Severity grade: {p.severity.grade}. Extent score "
        f"{p.severity.extent_score:.1f} of 8, 90 % interval {low:.1f} to {high:.1f}. The "
        f"probability of COVID-19 {detected} the operating point of {p.model}."
    )


def _code(parts: tuple[str, str, str]) -> Any:
    import highdicom as hd

    return hd.sr.CodedConcept(*parts)
