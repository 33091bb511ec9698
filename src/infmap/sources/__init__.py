"""One module per public data set; each yields the same record."""

from __future__ import annotations

from infmap.sources import (
    actualmed,
    annotation,
    bimcv_covid19,
    chestxray14,
    cohen,
    covid19_radiography,
    covid_cxnet,
    covid_qu_ex,
    figure1,
    folder,
    general_blockchain,
    hannover,
    jsrt,
    kermany,
    montgomery,
    qata_cov19,
    rsna_pneumonia,
    shenzhen,
    siim_covid19,
)
from infmap.sources.record import Box, MaskCrop, Polygon, Score, SourceFailure, SourceRecord
from infmap.sources.source import Download, Source

SOURCES: dict[str, Source] = {
    "qata-cov19": qata_cov19.SOURCE,
    "covid-qu-ex": covid_qu_ex.SOURCE,
    "covid19-radiography": covid19_radiography.SOURCE,
    "cohen": cohen.SOURCE,
    "general-blockchain": general_blockchain.SOURCE,
    "hannover": hannover.SOURCE,
    "actualmed": actualmed.SOURCE,
    "figure1": figure1.SOURCE,
    "covid-cxnet": covid_cxnet.SOURCE,
    "bimcv-covid19": bimcv_covid19.SOURCE,
    "siim-covid19": siim_covid19.SOURCE,
    "rsna-pneumonia": rsna_pneumonia.SOURCE,
    "chestxray14": chestxray14.SOURCE,
    "kermany": kermany.SOURCE,
    "montgomery": montgomery.SOURCE,
    "shenzhen": shenzhen.SOURCE,
    "jsrt": jsrt.SOURCE,
    "folder": folder.SOURCE,
    "annotation": annotation.SOURCE,
}
"""Source name to the source."""

__all__ = [
    "SOURCES",
    "Box",
    "Download",
    "MaskCrop",
    "Polygon",
    "Score",
    "Source",
    "SourceFailure",
    "SourceRecord",
]
