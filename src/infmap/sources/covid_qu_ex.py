"""COVID-QU-Ex, infection subset (Tahir et al. 2021, 10.1016/j.compbiomed.2021.105002).

Publisher's layout: .../{Train,Val,Test}/{COVID-19,Non-COVID,Normal}/{images,infection masks,lung
masks}/NAME.png. It names no patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.record import SourceRecord

LICENCE = "CC BY-SA 4.0"
CLASSES = {
    "COVID-19": (True, False, False),
    "Non-COVID": (False, True, False),
    "Normal": (False, False, True),
}


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Infection masks of Non-COVID films are empty by construction, so their opacities are unknown.

    Raises:
        UsageError: no film in the publisher's layout below ``root``.
    """
    found = False
    for folder in sorted(root.rglob("infection masks")):
        kind, split = folder.parent.name, folder.parent.parent.name.lower()
        if kind not in CLASSES or split not in ("train", "val", "test"):
            continue
        covid19, pneumonia, normal = CLASSES[kind]
        for film in sorted((folder.parent / "images").glob("*.png")):
            found = True
            yield SourceRecord(
                path=film.relative_to(root).as_posix(),
                covid19=covid19,
                pneumonia=pneumonia,
                normal=normal,
                infection_mask=_mask(root, folder / film.name),
                lung_mask=_mask(root, folder.parent / "lung masks" / film.name),
                licence=LICENCE,
                official_split=split,
            )
    if not found:
        raise UsageError(
            f"{root}: expected COVID-QU-Ex's Train/COVID-19/images and infection masks, found none"
        )


def _mask(root: Path, path: Path) -> str | None:
    return path.relative_to(root).as_posix() if path.is_file() else None
