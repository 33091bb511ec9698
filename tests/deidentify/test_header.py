from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from infmap.deidentify.dummies import dummy
from infmap.deidentify.header import Record, deidentify_header
from infmap.deidentify.identities import identities_of
from infmap.deidentify.options import Options
from infmap.deidentify.table import Row, action, rows

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, WORDS, film, read, saved  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
from hostile_headers import put  # noqa: E402

OLD_UID = "1.2.826.0.1.3680043.8.498.1"
TEXTS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI",
         "UR", "UT")  # fmt: skip


def done(dataset: Dataset, options: Options = Options()) -> Record:  # noqa: B008
    return deidentify_header(dataset, options, KEY, identities_of(dataset))


def listed() -> list[tuple[Tag, Row]]:
    """Every row that pydicom's dictionary knows, repeating groups by one of theirs."""
    found = []
    for name, row in rows().items():
        tag = Tag(int(name.replace("XXXXXX", "020010").replace("XX", "02"), 16))
        # Groups of messages, files, signatures and padding are no elements of a data set.
        if keyword_for_tag(tag) and tag.group not in (0x0000, 0x0002, 0xFFFA, 0xFFFC):
            found.append((tag, row))
    return found


def element(tag: Tag) -> DataElement:
    """One with a value that must not stay."""
    vr = str(dictionary_VR(tag)).split(" or ")[0]
    if vr == "SQ":
        item = Dataset()
        item.PatientName, item.ReferencedSOPInstanceUID = "Mustermann^Erika", OLD_UID
        return DataElement(tag, vr, Sequence([item]))
    special = {
        "UI": OLD_UID,
        "DA": "19610412",
        "DT": "19610412120000",
        "TM": "121530",
        "AS": "058Y",
    }
    plain = {"DS": "58.5", "IS": "4711", "UR": "http://mustermann.de", "CS": "ERIKA"}
    value: object = (special | plain).get(vr) or dummy(vr)
    if vr in ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"):
        value = "Mustermann"
    if isinstance(value, int):
        value = 4711
    if value == b"\0\0":
        value = b"Mustermann"
    least = str(dictionary_VM(tag)).split("-")[0]
    several = least.isdigit() and int(least) > 1 and not isinstance(value, bytes)
    return DataElement(tag, vr, [value] * int(least) if several else value)


def wrong(before: DataElement, after: Dataset, row: Row, todo: str) -> str | None:
    """What is wrong with an element after the profile."""
    name = f"{row.tag} {row.keyword} {todo}: "
    if todo == "X":
        return None if before.tag not in after else name + "is there"
    if before.tag not in after:
        return name + "is gone"
    value = after[before.tag].value
    if todo == "Z":
        return None if not value else name + "has a value"
    if todo == "K":
        return None
    if before.VR == "SQ":
        text = str(value).casefold()
        bad = "mustermann" in text or OLD_UID in text or (todo == "D" and not value)
    else:
        bad = not str(value) or value == before.value
    return name + f"{value!r}" if bad else None


@pytest.mark.parametrize("place", ["top", "nested"])
def test_every_row_of_the_table(place: str) -> None:
    dataset = film()
    where = dataset if place == "top" else dataset.ViewCodeSequence[0]
    path: tuple[str, ...] = () if place == "top" else ("ViewCodeSequence",)
    before = {}
    for tag, _ in listed():
        where[tag], before[tag] = element(tag), element(tag)
    sop_class = dataset.SOPClassUID
    done(dataset)
    after = dataset if place == "top" else dataset.ViewCodeSequence[0]
    found = []
    for tag, row in listed():
        if place == "top" and row.keyword in ("PatientName", "PatientID", "StudyID"):
            continue  # pseudonyms; see below
        todo = action(row, frozenset(), (*path, keyword_for_tag(tag)), sop_class)
        found.append(wrong(before[tag], after, row, todo))
    assert len(found) > 600 and [line for line in found if line] == []


def test_every_row_inside_private_sequences_goes_with_them() -> None:
    dataset, item = film(), Dataset()
    for tag, _ in listed():
        item[tag] = element(tag)
    block = dataset.private_block(0x0011, "ACME", create=True)
    block.add_new(1, "SQ", Sequence([item]))
    nested = dataset.AnatomicRegionSequence[0].private_block(0x0013, "ACME", create=True)
    nested.add_new(1, "LO", "Mustermann")
    record = done(dataset)
    assert not [e for e in dataset.iterall() if e.tag.is_private]
    assert record.removed_private == 4


@pytest.mark.parametrize("option", ["dates", "patient", "device", "descriptors"])
def test_every_row_under_an_option(option: str) -> None:
    options = Options(**{option: True})
    dataset, before = film(), {}
    for tag, row in listed():
        if option in row.options:
            dataset[tag], before[tag] = element(tag), (element(tag), row)
    done(dataset, options)
    for tag, (old, row) in before.items():
        vr, todo = str(old.VR), row.options[option]
        # What a device or a patient is told by may stay; its texts lose the patient's name.
        if (todo == "K" and vr in ("AS", "DA", "DS", "DT", "US")) or (
            tag in dataset and vr == "TM"
        ):
            assert dataset[tag].value == old.value, row
        elif todo == "C" and tag in dataset:
            assert wrong(old, dataset, row, todo) is None, row
        text = str(dataset.get(tag, "")).casefold()
        assert not any(word in text for word in WORDS), row
    assert len(before) > 10


@pytest.mark.parametrize("vr", TEXTS)
def test_a_name_in_any_text_element_does_not_stay(vr: str) -> None:
    """In every element of the dictionary with that representation, whatever it allows."""
    from pydicom.datadict import DicomDictionary

    tags = [Tag(t) for t, entry in DicomDictionary.items() if entry[0] == vr]
    tags = [tag for tag in tags if tag.group not in (0x0000, 0x0002) and tag != 0x00080005]
    dataset, item = film(), Dataset()
    for target in (dataset, item):
        for tag in tags:
            put(target, keyword_for_tag(tag), b"Erika Mustermann", vr)
    dataset.ViewCodeSequence = Sequence([item])
    dataset.PatientName = "Mustermann^Erika"
    done(dataset)
    text = str(dataset).casefold()
    assert len(tags) > 1 and not any(word in text for word in WORDS)


def test_pseudonyms_stand_for_the_patient_and_the_study() -> None:
    first, second = film(), film(SOPInstanceUID="1.2.3", ReferringPhysicianName="")
    other = film(patient="HOSP-1")
    for dataset in (first, second, other):
        done(dataset)
    assert first.PatientID == second.PatientID == str(first.PatientName)
    assert first.StudyID == second.StudyID and first.StudyInstanceUID == second.StudyInstanceUID
    assert other.PatientID != first.PatientID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_dates_of_one_patient_move_together() -> None:
    first, second = film(), film(StudyDate="20190310", AcquisitionDateTime="20190310101500")
    for dataset in (first, second):
        done(dataset, Options(dates=True))
    from datetime import date

    days = date.fromisoformat(second.StudyDate) - date.fromisoformat(first.StudyDate)
    assert days.days == 10 and first.StudyDate != "20190228"
    assert second.AcquisitionDateTime == second.StudyDate + "101500"
    assert not first.PatientBirthDate and first.StudyTime == "120000"
    assert first.LongitudinalTemporalInformationModified == "MODIFIED"


def test_what_was_done_is_stated_in_the_film() -> None:
    dataset = film(DeidentificationMethod="by Erika Mustermann")
    record = done(dataset, Options(patient=True))
    assert dataset.PatientIdentityRemoved == "YES"
    assert "Mustermann" not in dataset.DeidentificationMethod
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113108"]
    assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
    assert dataset.PatientSex == "F" and dataset.PatientAge == "058Y"
    assert record.done["removed"]["InstitutionName"] == 1
    assert record.done["replaced"]["StudyInstanceUID"] == 1


def test_icons_overlays_curves_and_other_bytes_go() -> None:
    dataset, icon = film(), Dataset()
    icon.PixelData, icon.Rows, icon.Columns = b"\1\2", 1, 2
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = Sequence([icon])
    dataset.ViewCodeSequence[0].PixelData = b"\1\2"
    dataset.ViewCodeSequence[0]["PixelData"].VR = "OB"
    for tag, vr, value in (
        (0x60003000, "OW", b"\1\2"), (0x60000010, "US", 4), (0x60000022, "LO", "Erika"),
        (0x50003000, "OW", b"\1\2"), (0x00282000, "OB", b"Erika"), (0x00420011, "OB", b"Erika"),
    ):  # fmt: skip
        dataset.add_new(tag, vr, value)
    pixels = dataset.PixelData
    done(dataset)
    groups = {element.tag.group for element in dataset}
    assert not groups & {0x6000, 0x5000, 0x0088} and "ICCProfile" not in dataset
    assert "PixelData" not in dataset.ViewCodeSequence[0] and dataset.PixelData == pixels
    assert dataset.EncapsulatedDocument == b"\0\0"


def test_structured_text_keeps_its_shape_and_loses_its_words() -> None:
    dataset, item, name = film(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "1", "99X", "Erika"
    item.ValueType, item.TextValue = "TEXT", "Erika hustet"
    item.ConceptNameCodeSequence = Sequence([name])
    dataset.ContentSequence = Sequence([item])
    done(dataset)
    kept = dataset.ContentSequence[0]
    assert kept.ValueType == "TEXT" and kept.TextValue == "REMOVED"
    assert kept.ConceptNameCodeSequence[0].CodeMeaning == "REMOVED"


def test_what_the_dictionary_does_not_know_or_states_otherwise_goes() -> None:
    dataset = film()
    dataset.add_new(0x00100007, "LO", "Erika")
    dataset.add_new(0x00280107, "LO", "Erika")  # a number by the dictionary
    put(dataset, "ExposureIndex", b"Erika ", "UN")
    done(dataset)
    for tag in (0x00100007, 0x00280107):
        assert tag not in dataset
    assert not dataset.ExposureIndex


def test_references_point_to_the_same_new_film() -> None:
    one, other = film(), film(SOPInstanceUID="1.2.3.4")
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
    other.ReferencedInstanceSequence = Sequence([item])
    for dataset in (one, other):
        done(dataset)
    reference = other.ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == one.SOPClassUID


def test_file_meta_and_preamble_are_new() -> None:
    dataset = film()
    dataset.file_meta.SourceApplicationEntityTitle = "MUSTERMANN"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = b"Erika"
    dataset.preamble = b"II*\0 Erika" + bytes(118)
    done(dataset)
    data = saved(dataset)
    assert b"Erika" not in data and b"MUSTERMANN" not in data
    meta = read(data).file_meta
    assert meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
