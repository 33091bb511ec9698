"""From what the user typed to a list of films."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infmap.core.errors import UsageError, needs_extra
from infmap.report.planes import FILES

JUNK_NAMES = {"thumbs.db", "desktop.ini", "dicomdir"}
"""What systems and media lay beside films, in lower case."""
JUNK_ENDINGS = {
    ".csv", ".tsv", ".txt", ".md", ".log", ".htm", ".html", ".json", ".jsonl", ".xml", ".yaml",
    ".yml", ".pdf", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".rtf", ".ini", ".db", ".lnk", ".url",
    ".exe", ".dll", ".inf", ".bat", ".cmd", ".jar", ".sh", ".py", ".ipynb", ".r", ".js", ".css",
    ".ico", ".rst", ".tex", ".bib", ".toml", ".cfg", ".conf", ".ppt", ".pptx", ".md5", ".sha256",
}  # fmt: skip
"""Endings of tables, documents and programs beside films, such as the viewer that a hospital puts
on a disc with them; skipped unless a film hides behind one."""
UNKNOWN = "bytes of an unknown kind"
"""What ``sniff`` says of a file without a kind: behind a name without an ending, a damaged film."""
RESULT_FOLDERS = {"thumbnails", *(folder for folder, _ in FILES)}
"""Folders of a run's own pictures and objects."""


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        paths: films in order, each file once.
        skipped: files in folders that are no films: hidden, or documents beside films.
        repeated: files and folders that were named or linked more than once.
        results: folders of infmap's own results that were not read as films.
    """

    paths: list[str]
    skipped: int = 0
    repeated: int = 0
    results: int = 0

    def notes(self) -> list[str]:
        """What was left out and why, for people."""
        counts = (
            (self.skipped, "other file{} skipped"),
            (self.repeated, "repeated path{} read once"),
            (self.results, "folder{} of results not read as films"),
        )
        return [f"{n} {text.format('s' if n > 1 else '')}" for n, text in counts if n]


def find_films(inputs: Sequence[str]) -> list[str]:
    """Paths of ``look_for_films``."""
    return look_for_films(inputs).paths


def look_for_films(inputs: Sequence[str], out: Path | None = None) -> Found:
    """Find the films in files, folders (recursive, in name order) and globs.

    Linked folders are followed, loops cut, and a file counts once however it is reached. A path
    that does not exist, or a folder that may not be listed, stays in the list: it becomes a failed
    film with its reason, and the others go on. What is named itself is never taken for a document
    beside films.

    Args:
        inputs: as typed.
        out: the folder for results, which is not read.

    Raises:
        UsageError: nothing at all was found.
    """
    search = _Search(out)
    for given in inputs:
        if os.path.isdir(given):
            search.folder(given)
        elif not os.path.lexists(given) and glob.has_magic(given):
            for match in sorted(glob.glob(given, recursive=True)):
                if os.path.isdir(match):
                    search.folder(match)
                elif _is_junk(match):
                    search.skipped += 1
                else:
                    search.file(match)
        else:
            search.file(given)
    found = Found(search.paths, search.skipped, search.repeated, search.results)
    if not found.paths:
        notes = ", ".join(found.notes())
        raise UsageError(
            f"no film found in {', '.join(inputs)}{f' ({notes})' if notes else ''}; "
            "name films, or folders that hold some"
        )
    return found


def listed_films(file: Path) -> Found:
    """The films that a text file names, one path a line, as of the current folder.

    Raises:
        UsageError: it cannot be read, or names none.
    """
    try:
        # Names of files need not be UTF-8: their stray bytes pass through, as from the shell.
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"--list {file}: {error.strerror}; name a text file of paths") from error
    return _each(str(file), (line for line in text.splitlines() if line.strip()))


def snapshot_films(folder: Path) -> Found:
    """The films of a catalog's snapshot, in its order.

    Raises:
        MissingExtra: the catalog's packages are not installed.
        SnapshotError: it is missing, damaged or changed.
        UsageError: it has no film.
    """
    with needs_extra("--snapshot", "catalog"):
        from infmap.catalog.snapshot import read_snapshot
    films, roots = read_snapshot(folder)
    rows = films.select("source", "path").iter_rows()
    return _each(str(folder), (str(Path(roots[source]) / path) for source, path in rows))


def _each(named: str, paths: Iterable[str]) -> Found:
    search = _Search(None)
    for path in paths:
        search.file(path)
    if not search.paths:
        raise UsageError(f"{named}: expected films, got none")
    return Found(search.paths, repeated=search.repeated)


class _Search:
    """A walk over inputs; what is really one file or folder is met once."""

    def __init__(self, out: Path | None) -> None:
        self.paths: list[str] = []
        self.skipped = self.repeated = self.results = 0
        self._out = _real(str(out)) if out else None
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def file(self, path: str) -> None:
        self._add(path, _real(path))

    def _add(self, path: str, real: str) -> None:
        if real in self._files:
            self.repeated += 1
            return
        self._files.add(real)
        self.paths.append(path)

    def folder(self, given: str) -> None:
        """Walk a folder that was named, results or not: films may lie beside a run's own files."""
        closed: list[str] = []
        walk = os.walk(given, onerror=lambda e: closed.append(str(e.filename)), followlinks=True)
        for root, folders, files in walk:
            real = _real(root)
            own = self._is_results(root, real)
            if own:
                self.results += 1
            if own and root != given:
                folders[:] = []
                continue
            # A link may lead back up: without this the walk would not end.
            if real in self._folders:
                self.repeated += 1
                folders[:] = []
                continue
            self._folders.add(real)
            folders[:] = sorted(
                f for f in folders if not f.startswith(".") and not (own and f in RESULT_FOLDERS)
            )
            for name in sorted(files):
                path = str(Path(root) / name)
                if name.startswith(".") or _is_junk(path):
                    self.skipped += 1
                elif os.path.islink(path):
                    self.file(path)
                else:
                    self._add(path, os.path.normcase(os.path.join(real, name)))
        for path in closed:
            self.file(path)

    def _is_results(self, folder: str, real: str) -> bool:
        return real == self._out or (
            os.path.exists(os.path.join(folder, "results.jsonl"))
            and any(os.path.exists(os.path.join(folder, n)) for n in ("run.json", "report.html"))
        )


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _is_junk(path: str) -> bool:
    """Whether a file in a folder is no film by its name, nor by its content where that is tried."""
    name = os.path.basename(path).lower()
    if name in JUNK_NAMES:
        return True
    ending = os.path.splitext(name)[1]
    if ending and ending not in JUNK_ENDINGS:
        return False
    from infmap.dicom.read import sniff

    try:
        if not os.path.isfile(path):
            return False  # to open a pipe that no process writes would wait for ever
        with open(path, "rb") as file:
            # 1,024 bytes: as many as sniff looks at.
            kind = sniff(file.read(1024))
    except OSError:
        return False  # it fails with its reason
    return not kind.isupper() and (bool(ending) or kind != UNKNOWN)  # films' kinds are in capitals
