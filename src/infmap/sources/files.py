"""Finding films and masks below a source's root, and saying what is missing or unexpected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from infmap.core.errors import UsageError
from infmap.sources.record import SourceFailure, SourceRecord

Listed = TypeVar("Listed", SourceRecord, SourceRecord | SourceFailure)

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def pictures(folder: Path, suffixes: Sequence[str] = PICTURES) -> list[Path]:
    """The files of a folder with one of these suffixes, sorted; none where it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


def homes(root: Path, markers: Sequence[str], depth: int = 3) -> list[Path]:
    """The folders, ``root`` or up to ``depth`` levels below, that hold one of ``markers``, sorted.

    Archives unpack into a folder of their own, often twice over; nothing below a folder that was
    found is looked at.
    """
    level, found = [root], []
    # Level by level, so that a marker far below does not hide one near the top.
    for _ in range(depth + 1):
        here = [folder for folder in level if any((folder / m).exists() for m in markers)]
        found += here
        level = [
            child
            for folder in level
            if folder not in here and folder.is_dir()
            for child in folder.iterdir()
            if child.is_dir()
        ]
    return sorted(found)


def home(root: Path, *markers: str) -> Path:
    """``root``, or the folder right below it that holds one of ``markers``, as archives unpack."""
    return next(iter(homes(root, markers, depth=1)), root)


def relative(root: Path, path: Path) -> str | None:
    """POSIX path of a file relative to ``root``; None where it is not on disk."""
    return path.relative_to(root).as_posix() if path.is_file() else None


def at_least_one(records: Iterable[Listed], expected: str) -> Iterator[Listed]:
    """The records and failures, or an error where there is none.

    Args:
        records: what a reader found.
        expected: the root and what was looked for below it.

    Raises:
        UsageError: no record.
    """
    found = False
    for record in records:
        found = True
        yield record
    if not found:
        raise UsageError(f"{expected}, found no film; see infmap catalog sources for its layout")


def some(names: Iterable[str], of: int | None, what: str) -> list[str]:
    """One finding about several names, or none: "2 of 9 films ..., the first is a.png".

    Args:
        names: what is missing or unexpected.
        of: how many there should be; None to leave it out.
        what: what they are and what is wrong with them, such as "films that metadata.csv lists
            are not on disk".
    """
    odd = sorted(set(names))
    if not odd:
        return []
    count = f"{len(odd)} of {of}" if of is not None else f"{len(odd)}"
    return [f"{count} {what}, the first is {odd[0]}"]


def missing(root: Path, paths: Iterable[str], consequence: str = "") -> list[str]:
    """A finding for each file or folder that is not there: "structure.csv missing: no masks"."""
    tail = f": {consequence}" if consequence else ""
    return [f"{path} missing{tail}" for path in paths if not (root / path).exists()]


def unexpected(root: Path, folders: Iterable[str]) -> list[str]:
    """A finding for each folder right below ``root`` that the layout does not have."""
    known = set(folders)
    if not root.is_dir():
        return []
    return [
        f"unexpected folder {path.relative_to(root).as_posix()}"
        for path in sorted(root.iterdir())
        if path.is_dir() and path.name not in known and not path.name.startswith((".", "__"))
    ]
