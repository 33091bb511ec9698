"""What a reader sees: overlays, result files and the page."""

from __future__ import annotations

from infmap.report.export import FilmRow, ResultsWriter, iter_results, read_results
from infmap.report.html import write_report
from infmap.report.ids import FilmIds, film_ids
from infmap.report.overlay import overlay
from infmap.report.planes import PLANES, remove_film, write_planes
from infmap.report.thumbnails import Thumb, ThumbStore, make_thumb

__all__ = [
    "PLANES",
    "FilmIds",
    "FilmRow",
    "ResultsWriter",
    "Thumb",
    "ThumbStore",
    "film_ids",
    "iter_results",
    "make_thumb",
    "overlay",
    "read_results",
    "remove_film",
    "write_planes",
    "write_report",
]
