"""DICOM files: any data set as bytes, and synthetic DX films for phantoms and tests."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.dicom._pydicom import ensure_importable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]
_DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_VIEWS = {
    "PA": (["L", "F"], "272479007", "postero-anterior"),
    "AP": (["L", "F"], "399348003", "antero-posterior"),
    "LL": (["A", "F"], "399173006", "left lateral"),
    "RL": (["P", "F"], "399198007", "right lateral"),
}
"""View to Patient Orientation, and code and meaning of DICOM CID 4010 (SNOMED CT)."""


def file_bytes(dataset: Dataset) -> bytes:
    """A whole file (PS3.10) of a data set that has its file meta information.

    Raises:
        Exception: of pydicom, where the data set cannot be written.
    """
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_dx(
    path: str | Path,
    pixels: NDArray[np.uint16],
    *,
    spacing_mm: tuple[float, float],
    patient_id: str,
    view: str = "PA",
    photometric: Photometric = "MONOCHROME2",
    burned_text: str | None = None,
) -> None:
    """Write one synthetic film as Digital X-Ray Image For Presentation, explicit little endian.

    The same arguments give the same bytes: UIDs are made from them and the dates are fixed.

    Args:
        path: the file to write.
        pixels: uint16 (H, W), (row, column), air dark and bone bright, 0 to 65535, the patient's
            left on the image's right. For MONOCHROME1 the complement is stored, so that a film
            looks the same whichever is chosen.
        spacing_mm: (row, column) distance of pixel centres at the detector.
        patient_id: an invented identifier.
        view: "PA", "AP", "LL" or "RL".
        photometric: how the pixels are stored.
        burned_text: text to draw into the upper left corner, as old scanners did.

    Raises:
        UsageError: the pixels are not a uint16 plane, or the view or photometric is unknown.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint16 or pixels.size == 0:
        raise UsageError(f"expected a uint16 (H, W) plane, got {pixels.dtype} {pixels.shape}")
    if view not in _VIEWS or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise UsageError(
            f"expected view {', '.join(_VIEWS)} and MONOCHROME1 or MONOCHROME2, "
            f"got {view} and {photometric}"
        )
    plane = _burn(pixels, burned_text) if burned_text else pixels
    low, high = int(plane.min()), int(plane.max())
    if photometric == "MONOCHROME1":
        plane = np.uint16(65535) - plane
        # The complement turns the range over as well.
        low, high = 65535 - high, 65535 - low
    dataset = _dataset(plane, patient_id, view, photometric)
    dataset.ImagerPixelSpacing = [float(v) for v in spacing_mm]
    dataset.PixelSpacing = [float(v) for v in spacing_mm]
    dataset.BurnedInAnnotation = "YES" if burned_text else "NO"
    # LINEAR windows map c - 0.5 -+ (w - 1) / 2 to black and white: exactly low and high.
    dataset.WindowCenter = (low + high + 1) / 2
    dataset.WindowWidth = max(high - low, 1) + 1
    dataset.VOILUTFunction = "LINEAR"
    dataset.save_as(path, enforce_file_format=True)


def _dataset(plane: NDArray[np.uint16], patient_id: str, view: str, photometric: str) -> Dataset:
    """All attributes that do not depend on spacing or window."""
    ensure_importable()
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    # UIDs follow from the content: the same film written twice is the same object.
    digest = hashlib.sha256(plane.tobytes()).hexdigest()
    orientation, code, meaning = _VIEWS[view]

    def uid(what: str) -> UID:
        return generate_uid(entropy_srcs=[patient_id, view, photometric, what, digest])

    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = UID(_DX_FOR_PRESENTATION)
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = uid("instance")
    d.StudyInstanceUID, d.SeriesInstanceUID = uid("study"), uid("series")
    d.SpecificCharacterSet = "ISO_IR 192"
    d.ImageType = ["ORIGINAL", "PRIMARY", ""]
    d.Modality, d.PresentationIntentType = "DX", "FOR PRESENTATION"
    d.Manufacturer, d.StudyID, d.AccessionNumber = "infmap phantom", "1", ""
    d.PatientName, d.PatientID = f"Phantom^{patient_id}", patient_id
    d.PatientBirthDate, d.PatientSex, d.ReferringPhysicianName = "", "O", ""
    d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = "20200101"
    d.StudyTime = d.AcquisitionTime = d.ContentTime = "120000"
    d.SeriesNumber, d.InstanceNumber = 1, 1
    d.BodyPartExamined, d.ImageLaterality = "CHEST", "U"
    d.ViewPosition, d.PatientOrientation = view, orientation
    d.AnatomicRegionSequence = [_code("816094009", "SCT", "Chest")]
    d.ViewCodeSequence = [_code(code, "SCT", meaning)]
    d.ViewCodeSequence[0].ViewModifierCodeSequence = []
    d.AcquisitionContextSequence = []
    d.DetectorType, d.FieldOfViewOrigin = "DIRECT", [0.0, 0.0]
    # A text, because pydicom writes the number as 0.0, which is none of the enumerated values.
    d.FieldOfViewRotation, d.FieldOfViewHorizontalFlip = "0", "NO"
    d.PositionerType = "NONE"
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, photometric
    d.Rows, d.Columns = plane.shape
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
    # Optical density follows the logarithm of intensity, and more rays are darker: sign -1.
    d.PixelIntensityRelationship, d.PixelIntensityRelationshipSign = "LOG", -1
    d.RescaleIntercept, d.RescaleSlope, d.RescaleType = 0, 1, "US"
    d.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    d.LossyImageCompression = "00"
    d.PixelData = plane.astype("<u2").tobytes()
    return d


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _burn(pixels: NDArray[np.uint16], text: str) -> NDArray[np.uint16]:
    """Draw white text into the upper left corner of a copy."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = pixels.shape
    layer = Image.new("L", (width, height), 0)
    # A 32nd of the height: about the size of a film's own label.
    font = ImageFont.load_default(size=max(10, height // 32))
    ImageDraw.Draw(layer).text((width // 32, height // 32), text, fill=255, font=font)
    return np.where(np.asarray(layer) > 127, np.uint16(pixels.max()), pixels).astype(np.uint16)
