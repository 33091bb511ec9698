"""What is proposed to a peer: classes and transfer syntaxes of the objects that infmap writes.

``docs/conformance.md`` is made from this table (``tools/conformance.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model."""
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Its well-known instance, which every request names (PS3.4 J.3.5)."""
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
"""Query and retrieve, study root."""
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
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

FILMS = (
    Context("film", "1.2.840.10008.5.1.4.1.1.1", "Computed Radiography Image Storage"),
    Context(
        "film",
        "1.2.840.10008.5.1.4.1.1.1.1",
        "Digital X-Ray Image Storage - For Presentation",
    ),
    Context(
        "film",
        "1.2.840.10008.5.1.4.1.1.1.1.1",
        "Digital X-Ray Image Storage - For Processing",
    ),
)
"""What a film may be of; those for processing are taken, and kept out of reading."""

RECEIVED_SYNTAXES = (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.5",
)
"""Transfer syntaxes that films are received in, uncompressed ones first: a sender that offers
several is answered the first of its own list. Deflated ones are left out, since a small message
may become a large dataset."""

SYNTAX_NAMES = {
    EXPLICIT_LITTLE: "Explicit VR Little Endian",
    JPEG_BASELINE: "JPEG Baseline (Process 1)",
}
"""Transfer syntaxes by UID, in the standard's words."""

WEB = (
    ("STOW-RS", "POST /studies", 'multipart/related; type="application/dicom"'),
    ("QIDO-RS", "GET /studies, /series, /instances", "application/dicom+json"),
    (
        "WADO-RS",
        "GET /studies/{study}/series/{series}/instances/{instance}",
        "application/dicom",
    ),
)
"""Service, request and media type of what ``DicomWeb`` asks a server for."""
