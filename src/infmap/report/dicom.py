"""All DICOM objects of one film by kind, pictures and pages drawn."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import Prediction
from infmap.dicom import (
    encapsulated_pdf,
    infection_seg,
    is_grey,
    presentation_state,
    report_sentences,
    secondary_capture,
    severity_report,
)
from infmap.report.overlay import overlay
from infmap.report.pdf import film_pdf

if TYPE_CHECKING:
    from PIL import Image
    from pydicom.dataset import Dataset

Kind = Literal["seg", "fractional", "sr", "sc", "gsps", "pdf"]


@dataclass
class _Film:
    """A film whose objects are made: what several of them share is made once."""

    source: Dataset
    prediction: Prediction
    when: datetime | None
    segmentation: Dataset | None = None
    drawn: Image.Image | None = None

    def seg(self) -> Dataset:
        self.segmentation = infection_seg(self.source, self.prediction, when=self.when)
        return self.segmentation

    def fractional(self) -> Dataset:
        return infection_seg(self.source, self.prediction, kind="fractional", when=self.when)

    def sr(self) -> Dataset:
        return severity_report(
            self.source, self.prediction, segmentation=self.segmentation, when=self.when
        )

    def sc(self) -> Dataset:
        picture = np.asarray(self.picture())
        return secondary_capture(self.source, self.prediction, picture, when=self.when)

    def gsps(self) -> Dataset:
        return presentation_state(self.source, self.prediction, when=self.when)

    def pdf(self) -> Dataset:
        sentences = report_sentences(self.source, self.prediction)
        page = film_pdf(self.prediction, sentences, picture=self.picture())
        return encapsulated_pdf(self.source, self.prediction, page, when=self.when)

    def picture(self) -> Image.Image:
        if self.drawn is None:
            self.drawn = overlay(self.prediction)
        return self.drawn


_MAKERS: dict[Kind, Callable[[_Film], Dataset]] = {
    # In this order: the report refers to the segmentation.
    "seg": _Film.seg,
    "fractional": _Film.fractional,
    "sr": _Film.sr,
    "sc": _Film.sc,
    "gsps": _Film.gsps,
    "pdf": _Film.pdf,
}
KINDS: tuple[Kind, ...] = tuple(_MAKERS)
"""Segmentation, the same with probabilities, report, picture, presentation state, page."""


def kinds_of(names: str) -> tuple[Kind, ...]:
    """Kinds that a user named.

    Args:
        names: kinds joined by commas, or "all".

    Raises:
        UsageError: one of them is unknown.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if "all" in wanted:
        return KINDS
    if not wanted or not set(wanted) <= set(KINDS):
        raise UsageError(
            f"expected DICOM kinds of {', '.join(KINDS)}, or all, got {names!r}; join them by "
            "commas"
        )
    return tuple(kind for kind in KINDS if kind in wanted)


def dicom_objects(
    source: Dataset,
    prediction: Prediction,
    kinds: Collection[Kind] = KINDS,
    *,
    when: datetime | None = None,
) -> dict[Kind, Dataset]:
    """Make objects of one film.

    Args:
        source: the DICOM film, with or without pixels; left as it is.
        prediction: what the system says of it.
        kinds: which ones; the report refers to the segmentation if both are asked for.
        when: date and time of the content; the film's without it.

    Returns:
        Kind to object, ready for ``save_as``, in the order of ``KINDS``; without "gsps" where the
        film is one in colour. The same film gives the same bytes.

    Raises:
        MissingExtra: highdicom or reportlab is not installed.
        UnreadableFilm: the film's header is damaged.
    """
    film = _Film(source, prediction, when)
    return {
        kind: make(film)
        for kind, make in _MAKERS.items()
        # A presentation state shows grey films only.
        if kind in kinds and (kind != "gsps" or is_grey(source))
    }
