"""What a licence allows, in plain words, from the way a source states it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What may be done with a film. ``None`` is unknown, never allowed.

    Attributes:
        redistribution: may be passed on.
        commercial: may be used commercially.
        changes: a changed copy (cropped, resized, drawn on) may be passed on.
        share_alike: what is made from it must keep the licence.
    """

    redistribution: bool | None = None
    commercial: bool | None = None
    changes: bool | None = None
    share_alike: bool | None = None

    @property
    def words(self) -> str:
        """The terms as a sentence."""
        if self == Terms():
            return "unknown: ask the publisher before passing it on or using it commercially"
        parts = [
            _say(self.redistribution, "may be passed on", "may not be passed on",
                 "whether it may be passed on is unknown"),
            _say(self.commercial, "commercial use allowed", "no commercial use",
                 "commercial use unknown"),
            _say(self.changes, "", "changed copies may not be passed on", ""),
            _say(self.share_alike, "what is made from it keeps the licence", "", ""),
        ]  # fmt: skip
        return "; ".join(part for part in parts if part)


FREE = Terms(redistribution=True, commercial=True, changes=True, share_alike=False)


def terms(licence: str | None) -> Terms:
    """Terms of a licence as a source states it.

    Creative Commons licences (https://creativecommons.org/licenses/) are read by their elements
    NC, ND and SA. Of what else is stated, only what its words say is taken.

    Args:
        licence: the source's words; None or blank is unknown.
    """
    text = (licence or "").lower().replace("_", "-")
    # Whole words: "nc" must not be found in "license".
    words = set(re.findall(r"[a-z0-9]+", text))
    if "cc0" in words or "public domain" in text:
        return FREE
    if "creativecommons.org/licenses/by" in text or {"cc", "by"} <= words or (
        "creative commons attribution" in text
    ):  # fmt: skip
        return Terms(
            redistribution=True,
            commercial=not ("nc" in words or re.search(r"non-?\s?commercial", text)),
            changes=not ("nd" in words or re.search(r"no-?\s?deriv", text)),
            share_alike=bool("sa" in words or re.search(r"share-?\s?alike", text)),
        )
    if re.search(r"free use with (attribution|citation)", text) or re.fullmatch(
        r"(the )?(mit|apache|bsd)[\w\s.,-]*", text.strip()
    ):
        return FREE
    kept = re.search(r"no (re)?-?distribution|not (be )?(re)?-?distribut", text)
    own = re.search(r"non-?\s?commercial|research (use )?only|research use", text)
    return Terms(redistribution=False if kept else None, commercial=False if own else None)


def _say(value: bool | None, yes: str, no: str, unknown: str) -> str:
    return unknown if value is None else yes if value else no
