"""Read films of any usual kind; write synthetic DICOM films, SEG and SR objects."""

from __future__ import annotations

from infmap.dicom.derived import check_extra, header_notes, read_source
from infmap.dicom.read import read_radiograph
from infmap.dicom.seg import infection_seg
from infmap.dicom.sr import severity_report
from infmap.dicom.write import write_dx

__all__ = [
    "check_extra",
    "header_notes",
    "infection_seg",
    "read_radiograph",
    "read_source",
    "severity_report",
    "write_dx",
]
