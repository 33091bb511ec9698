"""Elements of films as they come: their texts, and what the data dictionary says of them."""

from __future__ import annotations

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from infmap.core.quiet import quiet


def is_of_film(tag: BaseTag) -> bool:
    """Whether an attribute belongs into a data set and is known to the data dictionary.

    Those of a message or a file and lengths of groups do not, and of unknown ones nothing tells
    what they hold.
    """
    if tag.group in (0x0000, 0x0002, 0xFFFA, 0xFFFC) or tag.element == 0:
        return False
    return bool(dictionary_has_tag(tag)) or tag.group & 0xFF00 in (0x5000, 0x6000)


def dictionary_vrs(tag: BaseTag) -> list[str]:
    """Value representations that the dictionary allows."""
    return str(dictionary_VR(tag)).split(" or ")


def stated_vr(element: DataElement) -> str:
    """Representation by the dictionary where it has one alone: a file may state another."""
    allowed = dictionary_vrs(element.tag)
    return str(element.VR) if str(element.VR) in allowed else allowed[0]


def least_values(tag: BaseTag) -> int:
    """Fewest values that an element may have."""
    least = str(dictionary_VM(tag)).split("-")[0]
    return int(least) if least.isdigit() else 1


def texts_of(element: DataElement) -> list[str]:
    """The values of an element that is no sequence, as text without padding."""
    value = element.value
    if value is None or (isinstance(value, bytes) and not value):
        return []
    several = value if isinstance(value, (MultiValue, list)) else [value]
    return [_as_text(one) for one in several]


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    # pydicom keeps the text of a number beside it, and repr() of a float may be longer than DS.
    original = getattr(value, "original_string", None)
    return str(original if original is not None else value).strip(" \0")


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value of an element as text; "" where there is none, or none that can be read."""
    try:
        with quiet():
            value = dataset.get(keyword)
            return "" if value is None else str(value).strip(" \0")
    except Exception:  # what cannot be read names nobody
        return ""
