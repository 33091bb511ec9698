"""A picture of the result as a Secondary Capture (PS3.3 A.8.1), for viewers without overlays."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.core.types import Prediction
from infmap.dicom import codes
from infmap.dicom.derived import (
    NOTICE,
    SERIES_SC,
    check_extra,
    equipment,
    guarded,
    identity_of,
)
from infmap.dicom.moment import film_moment, stamp
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.sc import SCImage
    from pydicom.dataset import Dataset

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def secondary_capture(
    source: Dataset,
    prediction: Prediction,
    picture: NDArray[np.uint8],
    *,
    when: datetime | None = None,
) -> SCImage:
    """Make a colour Secondary Capture of one film.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        picture: uint8 (H, W, 3), RGB, 0 to 255, upright: the film with its map, its contours and
            the words "research use only" drawn on it. Stored as JPEG (baseline), so that a film of
            9 million pixels takes 2 MB and not 27.
        when: date and time of the content; the film's without it.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, see ``film_header``
        for what is repaired. The same content of the same film has the same UIDs, and with the
        same ``when`` the same bytes.

    Raises:
        MissingExtra: highdicom is not installed.
        UsageError: the picture is not uint8 (H, W, 3).
        UnreadableFilm: the film's header is damaged.
    """
    check_extra()
    import highdicom as hd

    from infmap.dicom.header import film_header

    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UsageError(f"expected uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    p = prediction
    with guarded("a DICOM film to make a picture of"):
        header = film_header(source, p.radiograph.sha256).dataset
        uid = uid_from("sc", *identity_of(header, p), picture.tobytes())
        made = hd.sc.SCImage(
            pixel_array=np.ascontiguousarray(picture),
            photometric_interpretation="YBR_FULL_422",
            bits_allocated=8,
            coordinate_system="PATIENT",
            # The picture is upright; empty again below where the film does not state its sides.
            patient_orientation=("L", "F"),
            study_instance_uid=header.StudyInstanceUID,
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_SC,
            sop_instance_uid=uid,
            transfer_syntax_uid=_JPEG_BASELINE,
            specific_character_set=header.SpecificCharacterSet,
            **equipment("Result drawn on the film", p.model),
        )
        made.copy_patient_and_study_information(header)
        _describe(made, header, p)
        made.LossyImageCompressionRatio = round(picture.nbytes / len(made.PixelData), 2)
        stamp(made, when or film_moment(source))
    return made


def _describe(made: SCImage, header: Dataset, p: Prediction) -> None:
    """What the picture shows, what it was made of, and that it is no film to be read."""
    from pydicom.dataset import Dataset

    if not p.radiograph.side_stated:
        made.PatientOrientation = None  # type 2C: unknown
    # Without the body part, readers miss the laterality of a paired one.
    made.BodyPartExamined = "CHEST"
    # It names a grade and a model, not a person.
    made.BurnedInAnnotation = "NO"
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_10918_1"
    made.ImageComments = NOTICE
    made.DerivationDescription = f"Film with map and contours of {p.model}. {NOTICE}"
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = codes.SOURCE_IMAGE
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [purpose]
    made.SourceImageSequence = [item]
