"""Objects to and from other systems: DIMSE and DICOMweb, as callables without a queue."""

from __future__ import annotations

from infmap.dicom.network.commitment import Commitment, commit
from infmap.dicom.network.dimse import echo, store
from infmap.dicom.network.outcome import Sent
from infmap.dicom.network.peer import Peer, Tls
from infmap.dicom.network.query import find, get, matches, move
from infmap.dicom.network.web import DicomWeb

__all__ = [
    "Commitment",
    "DicomWeb",
    "Peer",
    "Sent",
    "Tls",
    "commit",
    "echo",
    "find",
    "get",
    "matches",
    "move",
    "store",
]
