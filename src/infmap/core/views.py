"""Names of views, in the one place that reader, catalog, sources and quality gate share.

View Position of DICOM (PS3.3 C.8.11.7, C.8.7.1) is a short code, but files, tables and file names
carry free forms of it.
"""

from __future__ import annotations

import re

LATERAL = "LATERAL"
_WORDS = re.compile(r"[A-Z]+")
_FRONTAL = re.compile(r"DECUB|^[LR]LD$")
_LATERAL = frozenset(
    {"LL", "RL", "LLAT", "RLAT", "LATL", "LATR", "LLO", "RLO", "PROFILE", "SIDEWAYS"}
)


def is_lateral(view: str | None) -> bool:
    """Whether a stated view is a lateral one.

    Left and right lateral decubitus views (LLD, RLD) are frontal: the patient lies on a side, and
    the beam runs from front to back. Obliques (LLO, RLO) are no frontal views and count here.

    Args:
        view: as stated: "LL", "Left Lateral", "L"...; None where it is not known.
    """
    text = (view or "").strip().upper()
    words = _WORDS.findall(text)
    if not words or any(_FRONTAL.search(word) for word in words):
        return False
    return words == ["L"] or any(w in _LATERAL or w.startswith("LAT") for w in words)


def view_name(view: str | None) -> str | None:
    """A stated view under one name.

    Returns:
        "LATERAL" for any lateral view, else the view in capitals; None where nothing is stated.
    """
    text = (view or "").strip().upper()
    return LATERAL if is_lateral(text) else text or None
