"""Headers as they come from the field: elements that break their value representation."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.tag import Tag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from infmap.dicom import read_source, write_dx

ROWS, COLUMNS = 40, 60
ESC = b"\x1b"
YAMADA = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def film(**elements: bytes | str | None) -> Dataset:
    """A phantom whose elements hold these very bytes; None takes an element away."""
    stream = io.BytesIO()
    pixels = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)
    write_dx(stream, pixels, spacing_mm=(0.1, 0.2), patient_id="p7")
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    for keyword, value in elements.items():
        put(dataset, keyword, value)
    return dataset


def put(dataset: Dataset, keyword: str, value: bytes | str | None, vr: str = "") -> None:
    """Set or delete one element, whatever its representation would allow."""
    if value is None:
        del dataset[keyword]
        return
    data = value.encode() if isinstance(value, str) else value
    data += b" " * (len(data) % 2)
    tag = Tag(tag_for_keyword(keyword))
    vr = vr or dictionary_VR(keyword)
    dataset._dict[tag] = RawDataElement(tag, vr, len(data), data, 0, False, True)


def stored(dataset: Dataset) -> bytes:
    """Its file, in explicit little endian; raw elements go out byte by byte, never decoded."""
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, dataset.file_meta)
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            wide = element.VR in EXPLICIT_VR_LENGTH_32
            out.write(struct.pack("<HH2s", tag.group, tag.element, element.VR.encode()))
            out.write(struct.pack("<2xI" if wide else "<H", element.length) + element.value)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is written here is meant to be wrong
                write_data_element(out, element, ["utf8"])
    return out.getvalue()


def read_back(dataset: Dataset) -> Dataset:
    """As it comes from its file."""
    source = read_source(stored(dataset))
    assert source is not None
    return source


def _code(**elements: str) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        put(item, keyword, value)
    return item


def _with_sequence(keyword: str, *items: Dataset) -> Dataset:
    dataset = film()
    dataset[keyword] = DataElement(tag_for_keyword(keyword), "SQ", list(items))
    return dataset


def _private() -> Dataset:
    dataset = film()
    block = dataset.private_block(0x0011, "JUNK", create=True)
    nested = Dataset()
    nested.PatientName = "Nested^Person"
    block.add_new(1, "SQ", [nested])
    block.add_new(2, "OB", bytes(range(256)))
    block.add_new(3, "LO", "x" * 64)
    return dataset


def _wrong_vr() -> Dataset:
    dataset = film()
    put(dataset, "PatientID", b"\x01\x00\x02\x00", "US")
    put(dataset, "StudyDate", "20200101", "LO")
    put(dataset, "StudyDescription", "chest", "UN")
    return dataset


_TRIAL = {"ClinicalTrialSponsorName": "S", "ClinicalTrialProtocolID": "P"}

HOSTILE: dict[str, Dataset] = {
    # Ages, sexes, numbers.
    "age without unit": film(PatientAge="62"),
    "age of two digits": film(PatientAge="62Y"),
    "age in words": film(PatientAge="62 years"),
    "sex in words": film(PatientSex="Female"),
    "sex in small letters": film(PatientSex="m"),
    "sex unknown": film(PatientSex="U"),
    "sex in another language": film(PatientSex="weiblich"),
    "decimal comma": film(PatientSize="1,75", PatientWeight="80,5"),
    "number in words": film(PatientWeight="80 kg"),
    "number not finite": film(PatientSize="NaN", PatientWeight="1e999"),
    "long number": film(PatientSize="1.7500000000000000888"),
    # Dates and times.
    "date with hyphens": film(StudyDate="2020-01-02", PatientBirthDate="1961-12-31"),
    "date of the old form": film(StudyDate="2020.01.01"),
    "date that is none": film(StudyDate="20201345", PatientBirthDate="19630230"),
    "birth year alone": film(PatientBirthDate="1961"),
    "day first": film(StudyDate="02/01/2020"),
    "date range": film(StudyDate="20200101-20200201"),
    "time with colons": film(StudyTime="12:00:00"),
    "time that is none": film(StudyTime="240000", PatientBirthTime="noon"),
    "time with a zone": film(StudyTime="12:00:00+01:00"),
    "time with nine decimals": film(StudyTime="120000.123456789"),
    # Identifiers and names.
    "long patient ID": film(PatientID="9" * 65),
    "huge patient ID": film(PatientID="9" * 5000),
    "patient ID of two values": film(PatientID="A1\\B2"),
    "patient ID with controls": film(PatientID=b"A\x00B\x07C\n"),
    "long accession number": film(AccessionNumber="A" * 40, StudyID="S" * 17),
    "long name": film(PatientName="A" * 80),
    "name of many groups": film(PatientName="a^b=c^d=e^f=g^h"),
    "name of many parts": film(PatientName="a^b^c^d^e^f^g"),
    "name of two values": film(PatientName="A^B\\C^D", ReferringPhysicianName="E^F\\G^H"),
    "name of nothing": film(PatientName="^^^^", OtherPatientNames="\\\\"),
    "long description": film(StudyDescription="chest film " * 20),
    "description of lines": film(StudyDescription=b"line one\r\nline\ttwo\x0c"),
    "long issuer": film(IssuerOfPatientID="I" * 65),
    # Character sets.
    "Japanese": film(
        SpecificCharacterSet="\\ISO 2022 IR 87",
        PatientName=b"Yamada^Tarou="
        + ESC
        + b"$B;3ED"
        + ESC
        + b"(B^"
        + ESC
        + b"$BB@O:"
        + ESC
        + b"(B="
        + ESC
        + b"$B$d$^$@"
        + ESC
        + b"(B^"
        + ESC
        + b"$B$?$m$&"
        + ESC
        + b"(B",
    ),
    "Japanese, half width": film(
        SpecificCharacterSet="ISO_IR 13", PatientName="ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis")
    ),
    "Korean": film(
        SpecificCharacterSet="\\ISO 2022 IR 149",
        PatientName=b"Hong^Gildong=" + ESC + b"$)C\xfb\xf3^" + ESC + b"$)C\xd1\xce\xd4\xd7",
    ),
    "Greek": film(SpecificCharacterSet="ISO_IR 126", PatientName="Διονυσιος".encode("iso8859_7")),
    "Chinese": film(
        SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东".encode("gb18030")
    ),
    "Arabic": film(
        SpecificCharacterSet="ISO_IR 127", PatientName="قباني^لنزار".encode("iso8859_6")
    ),
    "UTF-8 without saying so": film(SpecificCharacterSet=None, PatientName=YAMADA),
    "Latin-1 without saying so": film(
        SpecificCharacterSet=None, PatientName="Müller^Jörg".encode("latin-1")
    ),
    "unknown set": film(SpecificCharacterSet="ISO_IR 999", PatientName=b"M\xfcller^J\xf6rg"),
    "misspelt set": film(SpecificCharacterSet="ISO-IR 100", PatientName=b"M\xfcller^J\xf6rg"),
    "junk set": film(SpecificCharacterSet=b"\xff\xfe\x07", StudyDescription=b"\xff\xfe"),
    "broken UTF-8": film(
        SpecificCharacterSet="ISO_IR 192", PatientName=b"M\xfcller", StudyID=b"\xfc"
    ),
    "broken escape": film(SpecificCharacterSet="\\ISO 2022 IR 87", PatientName=ESC + b"$B;" + ESC),
    "letters in a number": film(
        PatientSize="１.７５", PatientAge="０６２Y", StudyDate="２０２００１０１"
    ),
    # UIDs.
    "zeros in UIDs": film(StudyInstanceUID="1.2.0840.3", SeriesInstanceUID="1.02"),
    "long UID": film(StudyInstanceUID="1." + "2" * 70, SOPInstanceUID="1." + "3" * 70),
    "words for UIDs": film(
        StudyInstanceUID="study", SeriesInstanceUID="series", SOPInstanceUID="x"
    ),
    "padded UIDs": film(StudyInstanceUID="1.2.3 ", SeriesInstanceUID=" 1.2.4\0\0"),
    "UIDs of two values": film(StudyInstanceUID="1.2.3\\1.2.4"),
    "no UIDs": film(StudyInstanceUID=None, SeriesInstanceUID=None, SOPInstanceUID=None),
    "no class": film(SOPClassUID=None),
    "private class": film(SOPClassUID="1.3.46.670589.11.0.0.12.1"),
    # Emptiness.
    "nothing of patient and study": film(
        PatientName=None,
        PatientID=None,
        PatientBirthDate=None,
        PatientSex=None,
        StudyDate=None,
        StudyTime=None,
        AccessionNumber=None,
        ReferringPhysicianName=None,
        StudyID=None,
        Modality=None,
        PatientOrientation=None,
    ),
    "all empty": film(
        PatientName="",
        PatientID="",
        PatientBirthDate="",
        PatientSex="",
        StudyDate="",
        StudyTime="",
        AccessionNumber="",
        StudyID="",
        Modality="",
        PatientSize="",
        PatientAge="",
    ),
    "spaces": film(PatientName="   ", PatientID="  ", PatientSex=" ", StudyDate="        "),
    "orientation in words": film(PatientOrientation="LEFT\\FOOT"),
    "orientation of one value": film(PatientOrientation="L"),
    "modality in small letters": film(Modality="dx"),
    "modality of nonsense": film(Modality="digital radiography!"),
    # Nested.
    "private junk": _private(),
    "wrong representations": _wrong_vr(),
    "code without meaning": _with_sequence(
        "ProcedureCodeSequence", _code(CodeValue="1", CodingSchemeDesignator="L")
    ),
    "long codes": _with_sequence(
        "ProcedureCodeSequence",
        _code(CodeValue="1" * 40, CodingSchemeDesignator="L", CodeMeaning="m"),
        _code(CodeValue="1", CodingSchemeDesignator="99L", CodeMeaning="m" * 90),
    ),
    "empty sequence": _with_sequence("ProcedureCodeSequence"),
    "text for a sequence": film(ProcedureCodeSequence="chest"),
    "removed identity without a method": film(PatientIdentityRemoved="YES"),
    "identity neither": film(PatientIdentityRemoved="maybe"),
    "half a trial": film(**_TRIAL),
    "a trial": film(**_TRIAL, ClinicalTrialSubjectID="7"),
    "a long trial": film(**_TRIAL, ClinicalTrialSubjectID="7" * 99),
}
"""Name to film, each with at least one element that is not as the standard has it."""
