"""What the system says of a film as a DICOM Structured Report: TID 1500, Measurement Report."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from infmap.core.types import Prediction
from infmap.dicom import codes
from infmap.dicom.derived import (
    MAKER,
    SERIES_SR,
    check_extra,
    device_of,
    equipment,
    guarded,
    identity_of,
    version_of,
)
from infmap.dicom.moment import film_moment, stamp
from infmap.dicom.sr_text import comments
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import ComprehensiveSR, ObservationContext
    from pydicom.dataset import Dataset


def severity_report(
    source: Dataset,
    prediction: Prediction,
    *,
    segmentation: Segmentation | None = None,
    when: datetime | None = None,
) -> ComprehensiveSR:
    """Make a Comprehensive SR (PS3.3 A.35.3, content TID 1500) of one film.

    The finding is opacity, with its extent, and only where there is any. COVID-19 is an
    evaluation, detected or not, with its probability. Groups of measurements: opacity of both
    lungs, COVID-19, the infected region of each lung, right lung, left lung, and the six Brixia
    zones. Each has one contour: of the largest part of its region, or of the box around both lungs
    where it tells of the film as a whole. Each figure names the map it is read from. A figure that
    could not be measured is left out. Comments say the same in sentences, with the warnings of the
    film, those left out that name a file or a person.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        segmentation: what ``infection_seg`` made of the same film; each group then refers to the
            segment of its region.
        when: date and time of the content; the film's without it.

    Returns:
        The object, complete, neither final nor verified, ready for ``save_as``. Patient and
        study are the film's, see ``film_header`` for what is repaired. The same content of the
        same film has the same UIDs, and with the same ``when`` the same bytes.

    Raises:
        MissingExtra: highdicom is not installed.
        UnreadableFilm: the film's header is damaged.
    """
    check_extra()
    import highdicom as hd
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    from infmap.dicom.header import film_header
    from infmap.dicom.sr_groups import concept, groups

    p = prediction
    with guarded("a DICOM film to report on"):
        header = film_header(source, p.radiograph.sha256).dataset
        content = hd.sr.MeasurementReport(
            observation_context=_observer(p),
            procedure_reported=concept(codes.CHEST_XRAY),
            imaging_measurements=groups(source, header, p, segmentation),
            title=concept(codes.REPORT),
            language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
                concept(codes.ENGLISH)
            ),
        )
        # TID 1500 is extensible: comments at the root are for the whole report.
        for text in comments(p, header):
            content[0].ContentSequence.append(
                hd.sr.TextContentItem(
                    name=concept(codes.COMMENT), value=text, relationship_type="CONTAINS"
                )
            )
        # The content is part of the UID: a report that says something else is another object.
        uid = uid_from("sr", *identity_of(header, p), content[0].to_json())
        report = hd.sr.ComprehensiveSR(
            evidence=[header] if segmentation is None else [header, segmentation],
            content=content[0],
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_SR,
            sop_instance_uid=uid,
            is_complete=True,
            coding_schemes=[CodingSchemeIdentificationItem(codes.SCHEME, name=codes.SCHEME_NAME)],
            **equipment("Lung opacity and COVID-19", p.model),
        )
        stamp(report, when or film_moment(source))
    return report


def _observer(p: Prediction) -> ObservationContext:
    """The program and its model as a device that observes."""
    import highdicom as hd
    from pydicom.sr.codedict import codes as known

    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=known.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=device_of(p),
                name=f"{MAKER} {version_of()}",
                manufacturer_name=MAKER,
                model_name=p.model,
                serial_number=f"SHA-256 {p.model_sha256}" if p.model_sha256 else None,
            ),
        )
    )
