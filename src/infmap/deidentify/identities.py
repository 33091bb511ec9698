"""What a film says of its patient, to be looked for everywhere else in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID_dictionary

from infmap.core.quiet import quiet

_IDENTIFIERS = (
    "AccessionNumber", "AdmissionID", "InsurancePlanIdentification", "MedicalRecordLocator",
    "OtherPatientIDs", "PatientAddress", "PatientID", "PatientTelephoneNumbers", "PersonAddress",
    "PersonTelephoneNumbers", "StudyID",
)  # fmt: skip
_BIRTH = ("PatientBirthDate", "PatientBirthDateInAlternativeCalendar")
_NAMES = ("PatientBirthName", "PatientMotherBirthName", "OtherPatientNames")
# Letters of a name's shortest part that is looked for, and characters of an identifier: shorter
# ones are words and numbers that stand in every film ("PA", "1").
_SHORTEST_NAME, _SHORTEST_IDENTIFIER = 3, 4
# From so many characters on a value is looked for inside words as well ("DOEJOHN").
_INSIDE_WORDS = 6


# Letters that have no decomposition into a base letter and an accent.
_LETTERS = str.maketrans({"æ": "a", "œ": "o", "ø": "o", "ł": "l",
                          "đ": "d", "ı": "i"})  # fmt: skip


@dataclass(frozen=True)
class Identities:
    """Values that must not be left in a film.

    Attributes:
        texts: folded (see ``folded``): parts of names, identifiers, addresses, birth dates.
        uids: as stored, those of the study, the series and the film and all other instances.
        dates: every date of the film as people write it, to be looked for in texts alone: in bytes
            it is found by chance, as 2.4.50 is in the UID of a transfer syntax.
    """

    texts: frozenset[str]
    uids: frozenset[str]
    dates: frozenset[str] = frozenset()

    def found_in(self, value: str) -> bool:
        """Whether a text names the patient."""
        return self._pattern is not None and self._pattern.search(folded(value)) is not None

    def without(self, value: str, instead: str) -> str:
        """A text, its words that name the patient replaced."""
        parts = re.split(r"(\s+)", value)
        clean = "".join(instead if self.found_in(part) else part for part in parts)
        # An identifier of several words is found only across them.
        return instead if self.found_in(clean) else clean

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return pattern_of(self.texts | self.dates)


def pattern_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    """What finds one of these folded texts in a folded text; None where there are none."""
    forms = [_form(text) for text in sorted(texts, key=len, reverse=True)]
    return re.compile("|".join(forms)) if forms else None


def _form(text: str) -> str:
    plain = re.escape(text)
    # A number or a date within a longer one, or within a UID, is another.
    if text[0].isdigit() and text[-1].isdigit() and not any(map(str.isalpha, text)):
        return rf"(?<!\d)(?<!\d\.){plain}(?!\d)(?!\.\d)"
    # Chinese and Japanese put no spaces between words.
    inside = len(text) >= _INSIDE_WORDS or not text.isascii()
    return plain if inside else rf"(?<!\w){plain}(?!\w)"


def folded(text: str) -> str:
    """A text without case, accents and repeated spaces, so that spellings of a name are alike.

    Where a keyboard lacks a letter, Müller is Mueller, and Sørensen is Soerensen: one
    system of a hospital writes the one and another the other.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    for two in ("ae", "oe", "ue"):
        plain = plain.replace(two, two[0])
    # An underscore would be part of a word for a pattern, and file names use it as a space.
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("_", " ")
    return " ".join(plain.split())


def identities_of(dataset: Dataset) -> Identities:
    """All that a film states of its patient and of others' names, at any depth.

    Args:
        dataset: the film, before anything is removed.
    """
    texts: set[str] = set()
    uids: set[str] = set()
    dates: set[str] = set()
    for keyword, vr, value in _values(dataset):
        if vr == "UI":
            if value and value not in UID_dictionary:
                uids.add(value)
        elif vr == "PN" or keyword in _NAMES:
            texts.update(_parts(value))
        elif keyword in _BIRTH or vr in ("DA", "DT"):
            # A film's own date in a comment would undo that its dates are moved.
            dates.update(_written(value))
            if keyword in _BIRTH:
                texts.update(_birth(value))
        elif keyword in _IDENTIFIERS and len(folded(value)) >= _SHORTEST_IDENTIFIER:
            texts.add(folded(value))
    return Identities(frozenset(texts), frozenset(uids), frozenset(dates))


def _parts(name: str) -> Iterator[str]:
    """Words of a name, and the whole."""
    words = [folded(word) for word in re.split(r"[\^=,;\s\\]+", name)]
    for word in words:
        # Letters of other scripts count double: a Chinese family name has one or two.
        if len(word) >= _SHORTEST_NAME or (len(word) > 1 and not word.isascii()):
            yield word


_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _written(value: str) -> Iterator[str]:
    """A date, or that of a time, as people write it: short, or with the month's name."""
    found = _DATE.match(value.strip(" \0"))
    if not found or not 1 <= int(found[2]) <= 12:
        return
    year, month, day = found.groups()
    yield year + month + day
    yield day + month + year
    for y in (year, year[2:]):
        for m, d in ((month, day), (month.lstrip("0"), day.lstrip("0"))):
            for sign in ("-", ".", "/", ". "):
                yield from (sign.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y)))
    name = _MONTHS[int(month) - 1]
    for d in {day, day.lstrip("0")}:
        yield from (f"{d} {name} {year}", f"{name} {d}, {year}", f"{d}-{name}-{year}")


def _birth(value: str) -> Iterator[str]:
    """A birth date as programs write it: long enough to be looked for in bytes."""
    found = _DATE.fullmatch(value.strip(" \0"))
    if found:
        year, month, day = found.groups()
        for sign in ("-", ".", "/"):
            yield sign.join((year, month, day))
            yield sign.join((day, month, year))
            yield sign.join((month, day, year))
        yield year + month + day
        yield day + month + year


def _values(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Keyword, representation and text of every text of a film, private ones as well."""
    for tag in list(dataset.keys()):
        try:
            with quiet():
                element = dataset[tag]
                keyword, vr, value = element.keyword, str(element.VR), element.value
        except Exception:  # a broken element says nothing that can be looked for
            continue
        if isinstance(value, Sequence):
            for item in value:
                yield from _values(item)
        elif value is not None and not isinstance(value, (bytes, int, float)):
            several = list(value) if isinstance(value, (MultiValue, list)) else [value]
            for one in several:
                yield keyword, vr, str(one).strip(" \0")
