"""One module per public data set; each yields the same record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from infmap.sources import chestxray14, cohen, covid_qu_ex, radiologist
from infmap.sources.record import MaskCrop, Score, SourceRecord

SOURCES: dict[str, Callable[[Path], Iterator[SourceRecord]]] = {
    "covid-qu-ex": covid_qu_ex.read,
    "cohen": cohen.read,
    "radiologist": radiologist.read,
    "chestxray14": chestxray14.read,
}
"""Source name to its reader."""

__all__ = ["SOURCES", "MaskCrop", "Score", "SourceRecord"]
