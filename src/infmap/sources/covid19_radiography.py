"""COVID-19 Radiography Database (Chowdhury et al. 2020, Rahman et al. 2021).

Publisher's layout: COVID-19_Radiography_Dataset/{COVID,Lung_Opacity,Normal,Viral Pneumonia}/
{images,masks}/NAME.png. The masks are of the lungs, 256x256 for films of 299x299: the same square
at another size. Lung_Opacity is what the publisher calls another lung infection, on films
that RSNA's readers found opaque; Viral Pneumonia are Kermany's children. Both show an opacity
somewhere in the lungs. Films of COVID are of positive tests and may show nothing. It names no
patients; the metadata tables (CLASS.metadata.xlsx) hold names and web pages only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, homes, missing, pictures, relative, some, unexpected
from infmap.sources.record import SourceRecord
from infmap.sources.source import Source

CLASSES = {
    "COVID": (True, False, False),
    "Lung_Opacity": (False, True, False),
    "Normal": (False, False, True),
    "Viral Pneumonia": (False, True, False),
}
OPAQUE = ("Lung_Opacity", "Viral Pneumonia")
"""Classes that readers gave to films for an opacity that they saw."""


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    return at_least_one(_films(root), f"{root}: expected COVID/images and Normal/images")


def _homes(root: Path) -> list[Path]:
    return homes(root, [f"{kind}/images" for kind in CLASSES])


def _films(root: Path) -> Iterator[SourceRecord]:
    for home in _homes(root):
        for kind, (covid19, pneumonia, normal) in CLASSES.items():
            for film in pictures(home / kind / "images"):
                yield SourceRecord(
                    path=film.relative_to(root).as_posix(),
                    covid19=covid19,
                    pneumonia=pneumonia,
                    normal=normal,
                    opacity_truth="somewhere" if kind in OPAQUE else None,
                    lung_mask=relative(root, home / kind / "masks" / film.name),
                )


def check(root: Path) -> list[str]:
    """Findings: folders missing or unexpected, films without masks and masks without films."""
    found = _homes(root)
    if not found:
        return missing(root, [f"{kind}/images" for kind in CLASSES], "no films")
    findings = []
    for home in found:
        findings += unexpected(home, CLASSES)
        for kind in CLASSES:
            findings += missing(home, [f"{kind}/images"])
            films = {film.name for film in pictures(home / kind / "images")}
            masks = {mask.name for mask in pictures(home / kind / "masks")}
            findings += some(films - masks, len(films), f"films of {kind} have no lung mask")
            findings += some(masks - films, None, f"lung masks of {kind} have no film")
    return findings


SOURCE = Source(
    name="covid19-radiography",
    title="COVID-19 Radiography Database",
    films=21_165,
    size="0.8 GB",
    licence="none stated in its files; see its Kaggle page",
    url="https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database",
    needs="a Kaggle account",
    citation="Rahman et al., Exploring the effect of image enhancement techniques on COVID-19 "
    "detection, Computers in Biology and Medicine 132, 2021, "
    "doi:10.1016/j.compbiomed.2021.104319; Chowdhury et al., IEEE Access 8, 2020",
    layout="COVID-19_Radiography_Dataset/{COVID,Lung_Opacity,Normal,Viral Pneumonia}/"
    "{images,masks}",
    read=read,
    check=check,
)
