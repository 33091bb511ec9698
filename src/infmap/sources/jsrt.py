"""JSRT films (Shiraishi et al. 2000) with the SCR lung masks (van Ginneken et al. 2006).

Publisher's layout: Nodule154images/JPCLN001.IMG and NonNodule93images/JPCNN001.IMG (or all in
All247images/), 2048x2048 big-endian 16-bit words of 12 bits without a header, bright is air;
Clinical_Information/{CLNDAT_EN.txt,CNNDAT_EN.TXT}; SCR: scratch/{fold1,fold2}/masks/{left lung,
right lung}/JPCLN001.gif at 1024x1024. Films are read from pictures of the same names, anywhere
below the root; ``convert`` makes them from .IMG files. A nodule rules nothing out but a normal
film. COVID-19 is ruled out by the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.core.errors import UsageError
from infmap.sources.files import PICTURES, at_least_one, homes, some
from infmap.sources.headers import picture_size
from infmap.sources.record import MaskCrop, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import sex, years

LICENCE = "JSRT: research use with citation"
PATTERN = re.compile(r"JPC(L|N)N\d{3}$")
SIDES = ("left lung", "right lung")
SIDE, LEVELS = 2048, 4096
CONVERT = "python -c 'from infmap.sources.jsrt import convert; convert(\"DIR\")'"
_PERSON = re.compile(r"^(JPC[LN]N\d{3})\.IMG\b.*?\s(\?|\d+)\s+(male|female)\b", re.MULTILINE)


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that is there as a picture; its lungs are two crops.

    The lungs of a film that has not the size of its masks are unknown.

    Raises:
        UsageError: no film below ``root``.
    """
    expected = f"{root}: expected JPCLN001.png and so on"
    if any(root.rglob("JPC*.IMG")):
        expected += f"; convert the .IMG files first: {CONVERT}"
    return at_least_one(_films(root), expected)


def _pictures(root: Path) -> dict[str, Path]:
    """The film's picture by name, the first of several."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("JPC*")):
        right = path.suffix.lower() in PICTURES and PATTERN.match(path.stem)
        if right and "masks" not in path.relative_to(root).parts:
            found.setdefault(path.stem, path)
    return found


def _masks(root: Path) -> list[Path]:
    return [fold / "masks" for fold in homes(root, ("masks",))]


def _films(root: Path) -> Iterator[SourceRecord]:
    people, masks = _people(root), _masks(root)
    for stem, film in _pictures(root).items():
        normal = stem.startswith("JPCNN")
        age, gender = people.get(stem, ("", ""))
        yield SourceRecord(
            path=film.relative_to(root).as_posix(),
            view="PA",
            sex=sex(gender),
            age=years(age),
            covid19=False,
            pneumonia=False if normal else None,
            normal=normal,
            licence=LICENCE,
            crops=_lungs(root, masks, film),
        )


def _people(root: Path) -> dict[str, tuple[str, str]]:
    """(age, sex) by film, from the lines of the two clinical tables."""
    found = {}
    for path in sorted(root.rglob("C[LN]NDAT_EN.*")):
        for name, age, gender in _PERSON.findall(
            # The tables come from Japan; names of diseases are outside ASCII.
            path.read_text(encoding="cp932", errors="replace")
        ):
            found[name] = (age, gender)
    return found


def _drawn(masks: list[Path], stem: str) -> list[Path]:
    """Masks of both sides, or nothing where one is missing: half the lungs would be wrong."""
    for folder in masks:
        paths = [folder / side / f"{stem}.gif" for side in SIDES]
        if all(path.is_file() for path in paths):
            return paths
    return []


def _lungs(root: Path, masks: list[Path], film: Path) -> tuple[MaskCrop, ...]:
    paths = _drawn(masks, film.stem)
    size = picture_size(film)
    if size is None or any(picture_size(path) != size for path in paths):
        return ()
    return tuple(MaskCrop(p.relative_to(root).as_posix(), "lungs", 0, 0, size) for p in paths)


def convert(root: str | Path) -> int:
    """Write a PNG beside each .IMG file that has none: 1024x1024 as the SCR masks, air dark.

    Each pixel is the mean of four, 16-bit grey.

    Args:
        root: the source's folder.

    Returns:
        the number of films written.

    Raises:
        UsageError: a file is not a film of 2048x2048 words.
    """
    count = 0
    for path in sorted(Path(root).rglob("JPC*.IMG")):
        if path.with_suffix(".png").exists():
            continue
        words = np.fromfile(path, ">u2")
        if words.size != SIDE * SIDE:
            raise UsageError(f"{path}: expected {2 * SIDE * SIDE} bytes, got {path.stat().st_size}")
        # Bright is air in the files: turned, so that air is dark as everywhere here.
        bright = LEVELS - 1 - np.minimum(words, LEVELS - 1).astype(np.float32)
        mean = bright.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3))
        grey = np.rint(mean * (65535 / (LEVELS - 1))).astype(np.uint16)
        Image.fromarray(grey).save(path.with_suffix(".png"))
        count += 1
    return count


def check(root: Path) -> list[str]:
    """Findings: films to be converted, films without masks, sex or age, masks without film."""
    films, masks = _pictures(root), _masks(root)
    raw = {path.stem for path in root.rglob("JPC*.IMG")}
    findings = [] if films or raw else ["JPCLN*.png and JPCNN*.png missing: no films"]
    if todo := some(raw - films.keys(), len(raw), "films are .IMG only and are not read"):
        findings.append(f"{todo[0]}; convert them: {CONVERT}")
    if not masks:
        findings.append("scratch/{fold1,fold2}/masks missing: no lung masks (SCR)")
    else:
        drawn = {stem for stem in films if _drawn(masks, stem)}
        findings += some(films.keys() - drawn, len(films), "films lack a lung mask")
        other = {stem for stem in drawn if not _lungs(root, masks, films[stem])}
        findings += some(
            other, len(films), "films are not of their masks' size: their lungs are unknown"
        )
        shown = {path.stem for folder in masks for path in (folder / SIDES[0]).glob("*.gif")}
        findings += some(shown - films.keys() - raw, None, "masks have no film")
    people = _people(root)
    if not people:
        findings.append("CLNDAT_EN.txt and CNNDAT_EN.TXT missing: no sex and age")
    else:
        findings += some(films.keys() - people.keys(), len(films), "films have no sex and age")
    return findings


SOURCE = Source(
    name="jsrt",
    title="JSRT with SCR masks",
    films=247,
    size=None,
    licence=LICENCE,
    url="http://db.jsrt.or.jp/eng.php",
    needs="a form at JSRT; the SCR masks lie at https://www.isi.uu.nl/Research/Databases/SCR/",
    citation="Shiraishi et al., American Journal of Roentgenology 174, 2000; masks: van Ginneken "
    "et al., Medical Image Analysis 10, 2006",
    layout="JPC{LN,NN}*.png anywhere below, scratch/{fold1,fold2}/masks/{left lung,right lung}/"
    "*.gif, Clinical_Information/{CLNDAT_EN.txt,CNNDAT_EN.TXT}",
    read=read,
    check=check,
)
