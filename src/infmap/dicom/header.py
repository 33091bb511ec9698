"""What derived objects copy from a film's header, element by element, each of them valid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID_dictionary
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, PN_DELIMS, TEXT_VR_DELIMS

from infmap.dicom.uids import uid_from
from infmap.dicom.values import PARAGRAPHS, repaired, shortened

UTF8 = "ISO_IR 192"
PRESENT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
"""Type 2 elements of patient and study: in every derived object, empty where unknown."""
OPTIONAL = (
    "IssuerOfPatientID",
    "PatientBirthTime",
    "OtherPatientNames",
    "QualityControlSubject",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientOrientation",
    "Modality",
)
TRIAL = (
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
)
CODE = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
IDENTITY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
FREE_TEXT = frozenset({"StudyDescription", "DeidentificationMethod", "CodeMeaning"})
"""Texts for a reader that may be cut; a cut name or identifier would be another's."""
_YES_NO = {"YES": "YES", "NO": "NO"}
ENUMERATED = {
    "PatientSex": {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O"},
    "QualityControlSubject": _YES_NO,
    "PatientIdentityRemoved": _YES_NO,
}
"""Values that the standard allows, by what is written for them."""
# The class that promises least, for films that do not state theirs.
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_BY_MODALITY = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
}
_TERM = re.compile(r"(?:ISO)?[ _-]*(2022)?[ _-]*IR[ _-]*(\d+)", re.ASCII)


@dataclass
class FilmHeader:
    """A film's header as derived objects may copy it.

    Attributes:
        dataset: patient, study and identity; valid, Unicode, without pixels or private elements.
        repaired: keywords of elements whose spelling was corrected.
        left_out: keywords of elements that broke their value representation.
        replaced: keywords of UIDs that were missing or invalid, and are made up now.
    """

    dataset: Dataset
    repaired: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a reader: keywords of elements, never a value."""
        kinds = (
            (
                "missing or invalid elements of the header are repaired in the DICOM objects",
                self.repaired,
            ),
            ("invalid elements of the header are left out of the DICOM objects", self.left_out),
            (
                "missing or invalid UIDs of the header are replaced in the DICOM objects, which a "
                "viewer cannot link to the film",
                self.replaced,
            ),
        )
        return tuple(f"{text}: {', '.join(names)}" for text, names in kinds if names)


def film_header(source: Dataset, film: str) -> FilmHeader:
    """Copy what derived objects need of a film's header.

    Every value is checked against its value representation, whatever the file says of it, and
    decoded from the file's character set.

    Args:
        source: the film, with or without pixels; left as it is.
        film: what UIDs are made of where the film has none: its checksum.

    Returns:
        The copy and what was done to it. Its character set is UTF-8.
    """
    result = FilmHeader(Dataset())
    reader = _Reader(source, result)
    header = result.dataset
    header.file_meta = FileMetaDataset()
    header.SpecificCharacterSet = UTF8
    # An unknown character set is said, not guessed: names decoded wrongly would be another's.
    if reader.encodings is None:
        result.left_out.append("SpecificCharacterSet")
    for keyword in PRESENT + OPTIONAL:
        reader.copy(keyword, header)
    for keyword in PRESENT:
        if keyword not in header:
            setattr(header, keyword, "")
    _copy_trial(reader, header)
    _check_conditions(header, result)
    # Type 1 in every derived object, so it cannot stay empty.
    header.setdefault("Modality", "OT")
    _identify(reader, header, film)
    return result


class _Reader:
    """Values of one dataset, decoded and checked; what is done is noted."""

    def __init__(self, source: Dataset, result: FilmHeader) -> None:
        self.source, self.result = source, result
        self.encodings = _encodings(source)

    def copy(self, keyword: str, target: Dataset) -> None:
        """Put a valid element into the target, or none and a note."""
        if dictionary_VR(keyword) == "SQ":
            items = self._codes(keyword)
            if items:
                setattr(target, keyword, items)
            return
        values = self.values(keyword)
        if values is None:
            self._note(self.result.left_out, keyword)
        elif any(values):
            setattr(target, keyword, values[0] if len(values) == 1 else values)

    def values(self, keyword: str) -> list[str] | None:
        """Valid values; [] where there is none, None where they cannot be repaired."""
        vr, single = dictionary_VR(keyword), dictionary_VM(keyword) == "1"
        text = self._text(keyword, vr)
        if text is None:
            return None
        parts = [text] if vr in PARAGRAPHS else text.split("\\")
        found = [_value(keyword, vr, part) for part in parts]
        good = [value for value in found if value]
        if None in found or (single and len(set(good)) > 1):
            return None
        if good and (len(good) != len(found) or good != [p.strip(" \0") for p in parts]):
            self._note(self.result.repaired, keyword)
        return good[:1] if single else good

    def _text(self, keyword: str, vr: str) -> str | None:
        """All values of an element as one text; None where it cannot be decoded."""
        try:
            value = self.source.get_item(keyword)
            value = getattr(value, "value", value)
            if value is None:
                return ""
            if isinstance(value, (bytes, bytearray)):
                return self._decoded(bytes(value), vr)
            several = isinstance(value, Sequence) and not isinstance(value, str)
            text = "\\".join(str(v) for v in value) if several else str(value)
        except Exception:  # an element may hold anything, of any type
            return None
        return None if "\ufffd" in text else text

    def _decoded(self, data: bytes, vr: str) -> str | None:

        if data.isascii() and b"\x1b" not in data:
            return data.decode("ascii")
        if vr not in CUSTOMIZABLE_CHARSET_VR:
            return None
        encodings = self.encodings
        if not encodings or (encodings[0] == "iso8859" and b"\x1b" not in data):
            # Beyond the default repertoire. Nothing but UTF-8 looks like UTF-8 by chance.
            encodings = ["utf-8"]
        delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
        groups = data.split(b"=") if vr == "PN" else [data]
        text = "=".join(decode_bytes(group, encodings, delimiters) for group in groups)
        return None if "\ufffd" in text else text

    def _codes(self, keyword: str) -> list[Dataset]:
        """Items of a sequence of codes, those that say nothing left out."""
        if keyword not in self.source:
            return []
        try:
            items = [item for item in self.source[keyword].value if isinstance(item, Dataset)]
        except Exception:  # an element may hold anything, of any type
            items = []
        if not items:
            self._note(self.result.left_out, keyword)
        found = []
        for item in items:
            code = Dataset()
            reader = _Reader(item, FilmHeader(code))
            reader.encodings = reader.encodings or self.encodings
            for name in CODE:
                reader.copy(name, code)
            if all(name in code for name in CODE if name != "CodingSchemeVersion"):
                found.append(code)
            else:
                self._note(self.result.left_out, keyword)
        return found

    def _note(self, names: list[str], keyword: str) -> None:
        if keyword not in names:
            names.append(keyword)


def _value(keyword: str, vr: str, text: str) -> str | None:
    """One value, also within the values that the standard enumerates."""
    if keyword in ENUMERATED:
        stripped = text.strip(" \0").upper()
        return ENUMERATED[keyword].get(stripped) if stripped else ""
    value = repaired(vr, text)
    return shortened(vr, text) if value is None and keyword in FREE_TEXT else value


def _encodings(source: Dataset) -> list[str] | None:
    """Python's names of a dataset's character sets; [] for the default, None if unknown."""
    value = getattr(source.get_item("SpecificCharacterSet"), "value", None)
    if not value:
        return []
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value).decode("ascii", "replace").split("\\")
    terms = [value] if isinstance(value, str) else [str(term) for term in value]
    terms = [_term(term) for term in terms]
    if any(term not in python_encoding for term in terms):
        return None
    names: list[str] = convert_encodings(terms)
    return names


def _term(text: str) -> str:
    """A defined term of Specific Character Set, common misspellings corrected."""
    term = text.strip(" \0").upper()
    found = _TERM.fullmatch(term)
    if found:
        return f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"
    return UTF8 if term in ("UTF-8", "UTF8", "UTF_8") else term


def _copy_trial(reader: _Reader, header: Dataset) -> None:
    """The clinical trial, whole or not at all: half of it would be invalid (PS3.3 C.7.1.3)."""
    if not any(keyword in reader.source for keyword in TRIAL):
        return
    for keyword in TRIAL:
        reader.copy(keyword, header)
    required = all(k in header for k in ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID"))
    if required and any(k in header for k in TRIAL[-2:]):
        for keyword in ("ClinicalTrialProtocolName", "ClinicalTrialSiteID"):
            header.setdefault(keyword, "")
        header.setdefault("ClinicalTrialSiteName", "")
        return
    for keyword in TRIAL:
        if keyword in header:
            delattr(header, keyword)
            reader.result.left_out.append(keyword)


def _check_conditions(header: Dataset, result: FilmHeader) -> None:
    """Leave out what the standard allows only together with what the film lacks."""
    method = "DeidentificationMethod" in header or "DeidentificationMethodCodeSequence" in header
    if header.get("PatientIdentityRemoved") == "YES" and not method:
        del header.PatientIdentityRemoved
        result.left_out.append("PatientIdentityRemoved")
    orientation = header.get("PatientOrientation")
    if orientation is not None:
        both = not isinstance(orientation, str) and len(orientation) == 2
        if not both or not all(re.fullmatch("[LRAPHF]{1,3}", str(v)) for v in orientation):
            del header.PatientOrientation
            result.left_out.append("PatientOrientation")


def _identify(reader: _Reader, header: Dataset, film: str) -> None:
    """UIDs and class that a reference to the film needs, made up where the film has none."""
    meta = _Reader(getattr(reader.source, "file_meta", None) or Dataset(), FilmHeader(Dataset()))
    for keyword in IDENTITY:
        values = reader.values(keyword)
        if not values and keyword == "SOPInstanceUID":
            values = meta.values("MediaStorageSOPInstanceUID")
            if values:
                reader.result.repaired.append(keyword)
        if not values:
            # Made of the invalid UID where there is one, so that films of one study still share
            # theirs.
            invalid = getattr(reader.source.get_item(keyword), "value", None) or film
            values = [uid_from(keyword, str(invalid))]
            reader.result.replaced.append(keyword)
        setattr(header, keyword, values[0])
    stated = reader.values("SOPClassUID") or meta.values("MediaStorageSOPClassUID")
    if stated and _is_storage(stated[0]):
        header.SOPClassUID = stated[0]
    else:
        header.SOPClassUID = _BY_MODALITY.get(header.Modality, _SECONDARY_CAPTURE)
        reader.result.replaced.append("SOPClassUID")


def _is_storage(uid: str) -> bool:
    """Whether it is a class of the standard whose objects can be referred to, not retired."""
    known = UID_dictionary.get(uid)
    return known is not None and "Storage" in known[0] and not known[3]
