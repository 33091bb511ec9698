"""A DICOM film of a picture that is none, so that derived objects have a film to refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infmap.core.types import Radiograph
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.derived import MAKER, NOTICE, guarded, version_of
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def film_of_picture(radiograph: Radiograph) -> Dataset:
    """Make a grey Secondary Capture (PS3.3 A.8.1) of a film that came as PNG, JPEG, TIFF or BMP.

    What the picture does not tell stays empty: name, birth date, sex, study date. The patient's
    identifier is made of the file's checksum, since a PACS would take all films without one for
    those of one patient. Each file is a study of its own.

    Args:
        radiograph: the film as it was read.

    Returns:
        The object, ready for ``save_as``: 8 bits for a picture of 8, else 16, in film pixels. The
        same file gives the same UIDs and the same bytes.
    """
    ensure_importable()
    from pydicom.dataset import Dataset, FileMetaDataset

    with guarded("a film to make a DICOM film of"):
        checksum = radiograph.sha256
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = _EXPLICIT_LITTLE
        d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = _SECONDARY_CAPTURE
        instance = uid_from("film", checksum)
        d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = instance
        d.StudyInstanceUID = uid_from("film study", checksum)
        d.SeriesInstanceUID = uid_from("film series", checksum)
        d.SpecificCharacterSet = "ISO_IR 192"
        d.ImageType = ["DERIVED", "SECONDARY"]
        d.PatientID = picture_patient(checksum)
        for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
            setattr(d, keyword, "")
        for keyword in ("AccessionNumber", "ReferringPhysicianName", "StudyID"):
            setattr(d, keyword, "")
        d.Modality, d.ConversionType, d.SeriesNumber, d.InstanceNumber = "OT", "WSD", 1, 1
        d.BodyPartExamined = "CHEST"
        # Which side is the patient's left is not stated, only assumed for reading.
        d.PatientOrientation = None
        d.Manufacturer = d.SecondaryCaptureDeviceManufacturer = MAKER
        d.SecondaryCaptureDeviceSoftwareVersions = version_of()
        d.SeriesDescription = "Film made of a picture, research use only"
        d.ImageComments = NOTICE
        _pixels(d, radiograph)
    return d


def picture_patient(checksum: str) -> str:
    """The identifier that stands for the unknown patient of a picture.

    Args:
        checksum: SHA-256 of the picture's file, hexadecimal.
    """
    # 16 hexadecimal digits are 64 bits: no two of a hospital's films share them.
    return f"FILM-{checksum[:16].upper()}"


def _pixels(d: Dataset, radiograph: Radiograph) -> None:
    bits = 8 if (radiograph.bits or 16) <= 8 else 16
    top = 2**bits - 1
    plane = np.rint(radiograph.pixels * np.float32(top)).astype("<u1" if bits == 8 else "<u2")
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = plane.shape
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = bits, bits, bits - 1, 0
    d.RescaleIntercept, d.RescaleSlope, d.RescaleType = 0, 1, "US"
    # Both ends of the range: what the reader made black and white.
    d.WindowCenter, d.WindowWidth = (top + 1) / 2, top + 1
    data = plane.tobytes()
    d.PixelData = data + b"\0" * (len(data) % 2)
    d["PixelData"].VR = "OB" if bits == 8 else "OW"
