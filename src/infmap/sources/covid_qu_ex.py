"""COVID-QU-Ex (Tahir et al. 2021, 10.1016/j.compbiomed.2021.105002).

Publisher's layout, twice, below "Infection Segmentation Data" and below "Lung Segmentation Data":
.../{Train,Val,Test}/{COVID-19,Non-COVID,Normal}/{images,lung masks}/NAME.png, in the infection part
with "infection masks" too. A film of both parts is read once, from the infection part. The data set
names no patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, homes, pictures, relative, some
from infmap.sources.record import SourceRecord
from infmap.sources.source import Source

LICENCE = "CC BY-SA 4.0"
CLASSES = {
    "COVID-19": (True, False, False),
    "Non-COVID": (False, True, False),
    "Normal": (False, False, True),
}
SPLITS = ("Train", "Val", "Test")
GROUPS = tuple((split, kind) for split in SPLITS for kind in CLASSES)
MASKS = ("infection masks", "lung masks")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Infection masks of Non-COVID films are empty by construction, so their opacities are unknown.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    return at_least_one(
        _films(root),
        f"{root}: expected COVID-QU-Ex's Train/COVID-19/images beside infection or lung masks",
    )


def _parts(root: Path) -> list[Path]:
    """The folders that hold Train, Val and Test, the infection part first."""
    found = homes(root, [f"{split}/{kind}/images" for split, kind in GROUPS])
    return sorted(found, key=lambda part: not _infection(part))


def _infection(part: Path) -> bool:
    return any((part / split / kind / "infection masks").is_dir() for split, kind in GROUPS)


def _names(part: Path) -> list[str]:
    return [film.name for s, k in GROUPS for film in pictures(part / s / k / "images")]


def _films(root: Path) -> Iterator[SourceRecord]:
    seen: set[str] = set()
    for part in _parts(root):
        # Names recur in both parts; the prefix keeps a film of the lung part apart from another's
        # name.
        prefix = "" if _infection(part) else "lung-"
        if not prefix:
            seen.update(_names(part))
        for split, kind in GROUPS:
            folder = part / split / kind
            covid19, pneumonia, normal = CLASSES[kind]
            for film in pictures(folder / "images"):
                if prefix and film.name in seen:
                    continue
                yield SourceRecord(
                    path=film.relative_to(root).as_posix(),
                    name=prefix + film.name,
                    covid19=covid19,
                    pneumonia=pneumonia,
                    normal=normal,
                    infection_mask=relative(root, folder / "infection masks" / film.name),
                    lung_mask=relative(root, folder / "lung masks" / film.name),
                    licence=LICENCE,
                    official_split=split.lower(),
                )


def check(root: Path) -> list[str]:
    """Findings: parts and folders that are missing, films without masks and masks without films."""
    findings = []
    parts = _parts(root)
    infection = [part for part in parts if _infection(part)]
    if not infection:
        findings.append("Infection Segmentation Data missing: no infection masks")
    if len(infection) == len(parts):
        findings.append("Lung Segmentation Data missing: no films outside the infection part")
    for part in parts:
        for split, kind in GROUPS:
            findings += _check(part / split / kind, MASKS if part in infection else MASKS[1:])
    return findings


def _check(folder: Path, masks: tuple[str, ...]) -> list[str]:
    where = "/".join(folder.parts[-3:])
    if not (folder / "images").is_dir():
        return [f"{where}/images missing"]
    films = {film.name for film in pictures(folder / "images")}
    findings = []
    for kind in masks:
        drawn = {mask.name for mask in pictures(folder / kind)}
        findings += some(films - drawn, len(films), f"films of {where} have no {kind[:-1]}")
        findings += some(drawn - films, None, f"{kind} of {where} have no film")
    return findings


SOURCE = Source(
    name="covid-qu-ex",
    title="COVID-QU-Ex",
    films=33_920,
    size=None,
    licence=LICENCE,
    url="https://www.kaggle.com/datasets/anasmohammedtahir/covidqu",
    needs="a Kaggle account",
    citation="Tahir et al., Computers in Biology and Medicine 139, 2021, "
    "doi:10.1016/j.compbiomed.2021.105002",
    layout="Infection Segmentation Data/.../{Train,Val,Test}/{COVID-19,Non-COVID,Normal}/{images,"
    "infection masks,lung masks}, Lung Segmentation Data/... without infection masks",
    read=read,
    check=check,
)
