"""What is proposed to a peer: classes and transfer syntaxes of the objects that infmap writes.

``docs/conformance.md`` is made from this table (``tools/conformance.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


@dataclass(frozen=True)
class Context:
    """One class of objects that is sent.

    Attributes:
        kind: of ``infmap predict --dicom``, or "film".
        sop_class: UID.
        name: of the class, in the standard's words.
        syntaxes: UIDs of the transfer syntaxes that objects of it are written in.
    """

    kind: str
    sop_class: str
    name: str
    syntaxes: tuple[str, ...] = (EXPLICIT_LITTLE,)


SENT = (
    Context("seg, fractional", "1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
    Context("sr", "1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
    Context(
        "sc, film",
        "1.2.840.10008.5.1.4.1.1.7",
        "Secondary Capture Image Storage",
        (JPEG_BASELINE, EXPLICIT_LITTLE),
    ),
    Context(
        "gsps",
        "1.2.840.10008.5.1.4.1.1.11.1",
        "Grayscale Softcopy Presentation State Storage",
    ),
    Context("pdf", "1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF Storage"),
)
"""Own objects. A film of another class is proposed as it is stored."""

SYNTAX_NAMES = {
    EXPLICIT_LITTLE: "Explicit VR Little Endian",
    JPEG_BASELINE: "JPEG Baseline (Process 1)",
}
"""Transfer syntaxes by UID, in the standard's words."""

WEB = (
    ("STOW-RS", "POST /studies", 'multipart/related; type="application/dicom"'),
    ("QIDO-RS", "GET /instances", "application/dicom+json"),
    (
        "WADO-RS",
        "GET /studies/{study}/series/{series}/instances/{instance}",
        "application/dicom",
    ),
)
"""Service, request and media type of what ``DicomWeb`` asks a server for."""
