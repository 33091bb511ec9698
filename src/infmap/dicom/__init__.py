"""Read films of any usual kind; write DICOM films and the objects that tell of a result."""

from __future__ import annotations

from infmap.dicom.derived import check_extra, header_notes, read_source
from infmap.dicom.gsps import is_grey, presentation_state
from infmap.dicom.pdf import encapsulated_pdf
from infmap.dicom.plain_film import film_of_picture
from infmap.dicom.read import read_radiograph
from infmap.dicom.sc import secondary_capture
from infmap.dicom.seg import infection_seg
from infmap.dicom.sr import severity_report
from infmap.dicom.sr_text import report_sentences
from infmap.dicom.write import write_dx

__all__ = [
    "check_extra",
    "encapsulated_pdf",
    "film_of_picture",
    "header_notes",
    "infection_seg",
    "is_grey",
    "presentation_state",
    "read_radiograph",
    "read_source",
    "report_sentences",
    "secondary_capture",
    "severity_report",
    "write_dx",
]
