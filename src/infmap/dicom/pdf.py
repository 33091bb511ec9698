"""A page for a reader as an Encapsulated PDF (PS3.3 A.45.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from infmap.core.errors import UsageError
from infmap.core.types import Prediction
from infmap.dicom import codes
from infmap.dicom.derived import (
    MAKER,
    SERIES_PDF,
    check_extra,
    equipment,
    guarded,
    identity_of,
)
from infmap.dicom.moment import film_moment, stamp
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom import SOPClass
    from pydicom.dataset import Dataset

_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def encapsulated_pdf(
    source: Dataset, prediction: Prediction, pdf: bytes, *, when: datetime | None = None
) -> SOPClass:
    """Put a PDF file on one film into a DICOM object.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        pdf: the file; its pages name no patient, as the object's header does.
        when: date and time of the content; the film's without it.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, see ``film_header``
        for what is repaired. The same content of the same film has the same UIDs, and with the
        same ``when`` the same bytes.

    Raises:
        MissingExtra: highdicom is not installed.
        UsageError: the bytes are no PDF.
        UnreadableFilm: the film's header is damaged.
    """
    check_extra()
    import highdicom as hd
    from pydicom.dataset import Dataset

    from infmap.dicom.header import film_header

    if not pdf.startswith(b"%PDF-"):
        raise UsageError("expected a PDF file, got other bytes")
    p = prediction
    with guarded("a DICOM film to write a page on"):
        header = film_header(source, p.radiograph.sha256).dataset
        uid = uid_from("pdf", *identity_of(header, p), pdf)
        made = hd.SOPClass(
            study_instance_uid=header.StudyInstanceUID,
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_PDF,
            sop_instance_uid=uid,
            sop_class_uid=_ENCAPSULATED_PDF,
            modality="DOC",
            transfer_syntax_uid=_EXPLICIT_LITTLE,
            specific_character_set=header.SpecificCharacterSet,
            **equipment("Page for a reader", p.model),
        )
        made.copy_patient_and_study_information(header)
        moment = when or film_moment(source)
        made.ConversionType = "WSD"  # made on a workstation, not scanned
        made.AcquisitionDateTime = None  # type 2; the film's own is not asked for
        made.BurnedInAnnotation = "NO"
        made.DocumentTitle = f"{MAKER}: chest film, research use only"
        made.ConceptNameCodeSequence = [_item(codes.REPORT)]
        film = Dataset()
        film.ReferencedSOPClassUID = header.SOPClassUID
        film.ReferencedSOPInstanceUID = header.SOPInstanceUID
        film.PurposeOfReferenceCodeSequence = [_item(codes.SOURCE_IMAGE)]
        made.SourceInstanceSequence = [film]
        made.MIMETypeOfEncapsulatedDocument = "application/pdf"
        made.EncapsulatedDocumentLength = len(pdf)
        # OB is of even length; PS3.3 C.24.2 tells the true one above.
        made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
        stamp(made, moment)
    return made


def _item(code: codes.Triple) -> Dataset:
    """An item of a code sequence."""
    from highdicom.sr import CodedConcept

    return CodedConcept(*code)
