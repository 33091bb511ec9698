"""The header of a film after the profile: every element of every level has its action."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, UID_dictionary

from infmap import __version__
from infmap.core.quiet import quiet
from infmap.deidentify.dummies import TEXT, dummy, is_clock, moved
from infmap.deidentify.elements import (
    dictionary_vrs,
    is_of_film,
    least_values,
    stated_vr,
    text_of,
    texts_of,
)
from infmap.deidentify.identities import Identities
from infmap.deidentify.key import Key
from infmap.deidentify.options import Options
from infmap.deidentify.table import action, row_of
from infmap.dicom.values import repaired

Done = Literal["removed", "emptied", "replaced", "cleaned", "kept"]
"""What happened to an element; "replaced" by a pseudonym, a UID, a moved date or a dummy."""
METHOD = f"infmap {__version__}: PS3.15 E"

_TEXTS = ("AE", "CS", "LO", "SH", "UC", "UR", "ST", "LT", "UT", "PN")
# Free text is kept nowhere but where the table or the coding of terms needs it.
_FREE = ("AE", "LT", "PN", "ST", "UC", "UR", "UT")
_FREE_KEPT = frozenset({"LongCodeValue", "URNCodeValue"})
_CHECKED = ("AS", "CS", "DA", "DS", "DT", "IS", "TM")
"""Representations with a form; what breaks it may hold anything, and does not stay."""
_BYTES = ("OB", "OW", "OF", "OD", "OL", "OV", "UN")
_BYTES_KEPT = frozenset(
    {
        "PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths", "LUTData", "RedPaletteColorLookupTableData",
        "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    }
)  # fmt: skip
"""Bytes that make the picture. All others, such as icons and profiles, may hold text."""
# Names by which archives sort; an empty study identifier would merge the studies of a patient.
_PSEUDONYMS = {"PatientID": "patient", "PatientName": "patient", "StudyID": "study"}


@dataclass
class Record:
    """What became of a header, without a value of it.

    Attributes:
        done: elements, as "keyword" or "(gggg,eeee)", by what happened; counted.
        removed_private: private elements that are gone.
    """

    done: dict[Done, Counter[str]] = field(default_factory=dict)
    removed_private: int = 0

    def note(self, what: Done, tag: BaseTag) -> None:
        """Count one element."""
        name = keyword_for_tag(tag) or f"({tag.group:04X},{tag.element:04X})"
        self.done.setdefault(what, Counter())[name] += 1


def deidentify_header(
    dataset: Dataset, options: Options, key: Key, identities: Identities
) -> Record:
    """Apply the profile to a film, in place; its pixels are left as they are.

    Args:
        dataset: with file meta information.
        options: what is kept.
        key: makes pseudonyms.
        identities: of the same film.

    Returns:
        What was done.
    """
    patient = patient_of(dataset)
    walk = _Walk(options, key, identities, patient, str(dataset.get("SOPClassUID", "")))
    with quiet():
        walk.dataset(dataset, ())
        _name(dataset, key, patient, walk.study)
        _state(dataset, options)
        _replace_meta(dataset)
    # The preamble may hold a second file, such as a TIFF with its own texts.
    dataset.preamble = bytes(128)
    return walk.record


def patient_of(dataset: Dataset) -> str:
    """What stands for the patient: the identifier, else name and birth date, else the study."""
    found = text_of(dataset, "PatientID")
    if found:
        return found
    name = text_of(dataset, "PatientName")
    if name:
        return f"{name}\\{text_of(dataset, 'PatientBirthDate')}"
    return text_of(dataset, "StudyInstanceUID") or text_of(dataset, "SOPInstanceUID")


class _Walk:
    """One pass over all levels of a film."""

    def __init__(
        self, options: Options, key: Key, identities: Identities, patient: str, sop_class: str
    ) -> None:
        self.options, self.key, self.identities = options, key, identities
        self.patient, self.sop_class = patient, sop_class
        self.study = ""
        self.record = Record()
        self._days = key.days(patient)

    def dataset(self, dataset: Dataset, path: tuple[str, ...]) -> None:
        """Every element of one level, and the levels below it."""
        if not path:
            self.study = text_of(dataset, "StudyInstanceUID") or text_of(dataset, "StudyID")
        for tag in list(dataset.keys()):
            if tag.is_private:
                self.record.removed_private += 1
                del dataset[tag]
            elif not is_of_film(tag):
                self._drop(dataset, tag)
            else:
                self._element(dataset, tag, path)

    def _element(self, dataset: Dataset, tag: BaseTag, path: tuple[str, ...]) -> None:
        try:
            element = dataset[tag]
            element.value  # noqa: B018 - a broken value shows only when it is read
        except Exception:  # bytes that are no value of their representation: nothing to keep
            self._drop(dataset, tag)
            return
        where = (*path, keyword_for_tag(tag))
        # Retired curves and overlays are whole or absent; pixels below a sequence are an icon's.
        if tag.group & 0xFF00 in (0x5000, 0x6000) or (path and where[-1] == "PixelData"):
            self._drop(dataset, tag)
            return
        if not path and where[-1] in _PSEUDONYMS:  # set anew when the walk is done
            self.record.note("replaced", tag)
            return
        row = row_of(int(tag))
        if row is None:
            self._unlisted(dataset, element, where)
            return
        todo = action(row, self.options.columns, where, self.sop_class)
        if todo == "X":
            self._drop(dataset, tag)
        elif todo == "Z":
            self._empty(element)
        elif todo == "D":
            self._dummy(element)
        elif todo == "U":
            self._uids(element, where)
        elif todo == "C":
            self._clean(dataset, element, where)
        else:
            self._unlisted(dataset, element, where, listed=True)

    def _drop(self, dataset: Dataset, tag: BaseTag) -> None:
        del dataset[tag]
        self.record.note("removed", tag)

    def _empty(self, element: DataElement) -> None:
        element.value = Sequence() if element.VR == "SQ" else None
        self.record.note("emptied", element.tag)

    def _dummy(self, element: DataElement) -> None:
        self._make_dummy(element)
        self.record.note("replaced", element.tag)

    def _make_dummy(self, element: DataElement) -> None:
        """The shape of the value stays, of a sequence its items, and nothing of what it says."""
        vr = stated_vr(element)
        if element.VR == "SQ":
            for item in element.value:
                self._make_item_dummy(item)
            return
        element.VR = vr
        if vr == "SQ":  # bytes that no one could parse
            element.value = Sequence()
        elif vr == "UI":
            element.value = self._new_uids(element)
        else:
            least, value = least_values(element.tag), dummy(vr)
            element.value = value if least == 1 or isinstance(value, bytes) else [value] * least

    def _make_item_dummy(self, item: Dataset) -> None:
        for tag in list(item.keys()):
            try:
                # Coded strings such as Value Type tell how the item is to be read.
                coded = item[tag].VR == "CS" and self._is_valid("CS", item[tag])
                if tag.is_private or not is_of_film(tag):
                    del item[tag]
                elif not coded:
                    self._make_dummy(item[tag])
            except Exception:  # bytes that are no value of their representation
                del item[tag]

    def _uids(self, element: DataElement, where: tuple[str, ...]) -> None:
        if element.VR == "SQ":
            for item in element.value:
                self.dataset(item, where)
            self.record.note("replaced", element.tag)
            return
        if stated_vr(element) != "UI":
            self._dummy(element)
            return
        element.VR = "UI"
        element.value = self._new_uids(element)
        self.record.note("replaced", element.tag)

    def _new_uids(self, element: DataElement) -> str | list[str]:
        texts = texts_of(element)
        # UIDs of the standard name no one; all others are replaced, valid or not.
        new = [text if text in UID_dictionary else self.key.uid(text) for text in texts if text]
        return new[0] if len(new) == 1 else new

    def _clean(self, dataset: Dataset, element: DataElement, where: tuple[str, ...]) -> None:
        """Keep what is similar and names no one: dates are moved, texts lose the patient."""
        vr = stated_vr(element)
        if element.VR == "SQ":
            self._items(element, where)
        elif vr in ("DA", "DT"):
            new = [moved(vr, text, self._days) for text in texts_of(element) if text]
            if None in new:
                self._empty(element)
                return
            element.value = new[0] if len(new) == 1 else new
            self.record.note("replaced", element.tag)
        elif vr == "TM" and self._is_valid("TM", element):
            self.record.note("kept", element.tag)
        elif vr in _TEXTS:
            self._clean_texts(element)
        else:
            self._drop(dataset, element.tag)

    def _clean_texts(self, element: DataElement) -> None:
        texts = texts_of(element)
        clean = [self.identities.without(text, TEXT) for text in texts]
        if clean == texts:
            self.record.note("kept", element.tag)
            return
        element.value = clean[0] if len(clean) == 1 else clean
        self.record.note("cleaned", element.tag)

    def _items(self, element: DataElement, where: tuple[str, ...]) -> None:
        """The items of a sequence that stays."""
        for item in element.value:
            self.dataset(item, where)
        self.record.note("kept", element.tag)

    def _unlisted(
        self, dataset: Dataset, element: DataElement, where: tuple[str, ...], listed: bool = False
    ) -> None:
        """An attribute that stays: its form is checked, and the patient is looked for in it."""
        vr, keyword = str(element.VR), element.keyword
        allowed = dictionary_vrs(element.tag)
        if vr == "SQ" and "SQ" in allowed:
            self._items(element, where)
            return
        # A number that comes as text, or anything as unknown bytes, may hold a name.
        wrong = vr not in allowed or (vr in _BYTES and keyword not in _BYTES_KEPT)
        if wrong or (vr in _FREE and not listed and keyword not in _FREE_KEPT):
            self._drop(dataset, element.tag)
        elif vr == "UI":
            new = self._new_uids(element)
            self.record.note("kept" if new == element.value else "replaced", element.tag)
            element.value = new
        elif vr in _CHECKED and not self._is_valid(vr, element):
            self._empty(element)
        elif vr in _TEXTS:
            self._clean_texts(element)
        else:
            self.record.note("kept", element.tag)

    def _is_valid(self, vr: str, element: DataElement) -> bool:
        """Whether each value has its representation's form, and none is the patient's."""
        for text in texts_of(element):
            # An identifier of digits may equal a count or a size by chance.
            if vr not in ("DS", "IS", "DA", "DT", "TM") and self.identities.found_in(text):
                return False
            if vr == "DT":
                valid = not text or moved("DT", text, 0) is not None
            elif vr == "TM":
                valid = is_clock(text) or repaired("TM", text) is not None
            else:
                valid = repaired(vr, text) is not None
            if not valid:
                return False
        return True


def _name(dataset: Dataset, key: Key, patient: str, study: str) -> None:
    """Pseudonyms by which an archive keeps patients and studies apart."""
    for keyword, kind in _PSEUDONYMS.items():
        value = patient if kind == "patient" else patient + "\\" + study
        setattr(dataset, keyword, key.pseudonym(kind, value))


def _state(dataset: Dataset, options: Options) -> None:
    """Say in the film what was done to it (PS3.15 E.1.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    items = []
    for code, meaning in options.codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if options.dates else "REMOVED"


def _replace_meta(dataset: Dataset) -> None:
    """File meta information of our own: who sent and wrote the file is left out."""
    meta = FileMetaDataset()
    old = getattr(dataset, "file_meta", None) or Dataset()
    syntax = old.get("TransferSyntaxUID")
    if syntax:
        meta.TransferSyntaxUID = UID(str(syntax))
    meta.MediaStorageSOPClassUID = UID(str(dataset.get("SOPClassUID", "")))
    meta.MediaStorageSOPInstanceUID = UID(str(dataset.get("SOPInstanceUID", "")))
    dataset.file_meta = meta
