"""Objects to and from other systems: DIMSE and DICOMweb, as callables without a queue."""

from __future__ import annotations

from infmap.dicom.network.dimse import Peer, echo, store
from infmap.dicom.network.outcome import Sent
from infmap.dicom.network.web import DicomWeb

__all__ = ["DicomWeb", "Peer", "Sent", "echo", "store"]
