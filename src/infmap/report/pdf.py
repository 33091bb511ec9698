"""One page on one film as a PDF: the picture, the figures, and the result in sentences."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from anyascii import anyascii

from infmap.core.errors import needs_extra
from infmap.core.types import Prediction
from infmap.report.overlay import BANNER, overlay
from infmap.report.text import grade_text, percent, probability

if TYPE_CHECKING:
    from PIL import Image

_PRINTED = "\N{NO-BREAK SPACE}\N{EN DASH}"
"""Characters beyond ASCII that figures are worded with; Helvetica has them."""
_PICTURE = 1400
"""Longest side of the picture, pixels: 200 a printed inch at the size it has on the page."""
_PICTURE_POINTS = 360.0
"""Longest side of the picture on the page, points (5 inches): half of an A4 page's height."""


def film_pdf(
    prediction: Prediction, sentences: Sequence[str], *, picture: Image.Image | None = None
) -> bytes:
    """Write a page on one film.

    It names no patient and no file: a name in another script than Latin could not be printed, and
    who it is about stands in the DICOM object that holds the page.

    Args:
        prediction: what the system says of the film.
        sentences: the result in words and the film's warnings, as in the DICOM report.
        picture: the film with its map; the infection map over the film without it.

    Returns:
        The file. The same arguments give the same bytes.

    Raises:
        MissingExtra: reportlab is not installed.
    """
    with needs_extra("PDF output", "dicom"):
        from reportlab.lib import colors
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.styles import getSampleStyleSheet
        from reportlab.pdfgen.canvas import Canvas
        from reportlab.platypus import (
            Flowable,
            Image,
            Paragraph,
            SimpleDocTemplate,
            Spacer,
            Table,
        )

    styles = getSampleStyleSheet()
    shown = overlay(prediction) if picture is None else picture.copy()
    shown.thumbnail((_PICTURE, _PICTURE))
    jpeg = io.BytesIO()
    shown.convert("RGB").save(jpeg, format="JPEG", quality=90)
    jpeg.seek(0)
    scale = _PICTURE_POINTS / max(shown.size)
    table = Table(
        [[Paragraph(_latin(text), styles["BodyText"]) for text in row] for row in rows(prediction)],
        colWidths=[190, 290],
        style=[("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.grey)],
    )
    story: list[Flowable] = [
        Paragraph("Chest film report", styles["Title"]),
        Image(jpeg, shown.width * scale, shown.height * scale),
        Spacer(1, 8),
        table,
        Spacer(1, 8),
        *(Paragraph(_latin(text), styles["BodyText"]) for text in sentences),
    ]

    def banner(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica-Bold", 10)
        # In the lower margin, 36 points from the edge: no printer cuts there.
        canvas.drawString(57, 36, f"{BANNER}. Not a medical device. Page {document.page}")

    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        topMargin=40,
        title="Chest film report, research use only",
        author="infmap",
        # No date and no random identifier in the file.
        invariant=1,
    )
    document.build(story, onFirstPage=banner, onLaterPages=banner)
    return file.getvalue()


def rows(p: Prediction) -> list[tuple[str, str]]:
    """Name and value of each figure of the page.

    Args:
        p: what the system says of the film.
    """
    s = p.severity
    low, high = s.interval
    detected = "detected" if p.covid_detected else "not detected"
    return [
        (
            "Lung opacity, whatever its cause",
            _by_lung(p.opacity_fraction, p.opacity_fraction_right, p.opacity_fraction_left),
        ),
        (
            "Severity of the opacity",
            f"{grade_text(s.grade, s.grades)}; extent {s.extent_score:.1f} of 8 "
            f"({low:.1f} to {high:.1f})",
        ),
        ("COVID-19", f"{detected}, probability {probability(p.covid_probability)}"),
        (
            "Region attributed to COVID-19",
            _by_lung(p.infected_fraction, p.infected_fraction_right, p.infected_fraction_left),
        ),
        (
            "The same by zone",
            ", ".join(f"{zone} {_share(share)}" for zone, share in p.zones.items()),
        ),
        ("Model", p.model),
    ]


def _by_lung(both: float, right: float, left: float) -> str:
    return f"{_share(both)} of lung area (right {_share(right)}, left {_share(left)})"


def _share(share: float) -> str:
    # NaN is a place that was not found.
    return percent(None if share != share else share)


def _latin(text: str) -> str:
    """Text for a paragraph; what the page's font lacks is written in Latin letters."""
    return escape("".join(c if c.isascii() or c in _PRINTED else anyascii(c) for c in text))
