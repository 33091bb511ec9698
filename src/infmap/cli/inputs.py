"""From what the user typed to a list of films."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from infmap.core.errors import UsageError


def find_films(inputs: Sequence[str]) -> list[str]:
    """Files, folders (recursive, in name order, hidden files left out) and globs to paths.

    A path that does not exist, or a folder that may not be listed, stays in the list: it becomes
    a failed film with its reason, and the others go on.

    Raises:
        UsageError: nothing at all was found.
    """
    paths: dict[str, None] = {}
    for given in inputs:
        if os.path.isdir(given):
            paths.update(dict.fromkeys(_walk(given)))
        elif not os.path.lexists(given) and glob.has_magic(given):
            for match in sorted(glob.glob(given, recursive=True)):
                found = _walk(match) if os.path.isdir(match) else iter([match])
                paths.update(dict.fromkeys(found))
        else:
            paths[given] = None
    if not paths:
        raise UsageError(f"no film found in {', '.join(inputs)}")
    return list(paths)


def _walk(folder: str) -> Iterator[str]:
    closed: list[str] = []
    for root, folders, files in os.walk(folder, onerror=lambda e: closed.append(str(e.filename))):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield str(Path(root) / name)
    yield from closed
