"""Files that are whole or absent, and one-line errors when a disk says no."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from infmap.core.errors import UsageError
from infmap.core.files import replacing

ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run again with --resume",
    errno.EDQUOT: "the disk quota is used up; free some space and run again with --resume",
    errno.EACCES: "no permission; choose another output folder",
    errno.EPERM: "no permission; choose another output folder",
    errno.EROFS: "the disk is read-only; choose another output folder",
    errno.ENOTDIR: "a part of the path is a file; choose another output folder",
    errno.EEXIST: "a file is in the way; choose another output folder",
    errno.EISDIR: "a folder is in the way; choose another output folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the body into one line that says what to do.

    Args:
        path: the file or folder being written, for the message.

    Raises:
        UsageError: the body raised an ``OSError``.
    """
    try:
        yield
    except OSError as e:
        reason = ADVICE.get(e.errno or 0, e.strerror or type(e).__name__)
        raise UsageError(f"cannot write {path}: {reason}") from e


def make_folder(path: Path) -> Path:
    """Make a folder and its parents.

    Raises:
        UsageError: the folder cannot be made.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, fill: Callable[[IO[bytes]], object]) -> Path:
    """Write a file beside its final place and move it there once it is whole.

    Args:
        path: the final place; its folder exists. An older file is replaced.
        fill: writes the content to the binary file it is handed.

    Returns:
        ``path``.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    with writing(path), replacing(path) as part, part.open("wb") as stream:
        fill(stream)
    return path
