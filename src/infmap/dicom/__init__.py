"""Read films of any usual kind, and write synthetic DICOM films."""

from __future__ import annotations

from infmap.dicom.read import read_radiograph
from infmap.dicom.write import write_dx

__all__ = ["read_radiograph", "write_dx"]
