"""Films measured by an ingest that has not committed yet, kept so that it can go on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.catalog.schema import polars, write_frame
from infmap.core.files import write_bytes

if TYPE_CHECKING:
    import polars as pl

    from infmap.catalog.measure import Measured

# A part is written after so many films or seconds, whichever is first: what a kill may cost. Chosen
# by hand.
FILMS = 1024
SECONDS = 10.0


class Pending:
    """Part files of measured films, each written whole or not at all.

    Args:
        folder: the catalog's ``pending/``; a part that is damaged in it is dropped.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frames: list[pl.DataFrame] = []
        self._since = time.monotonic()
        self._next = 1 + max((int(path.stem) for path in self._paths()), default=0)

    @property
    def empty(self) -> bool:
        """Whether no film is kept."""
        return not self._frames and not self._paths()

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Film_id, measured columns, derived masks and picture of the films in each part.

        Args:
            columns: those to read; all where None.
        """
        module = polars()
        for path in self._paths():
            try:
                yield module.read_parquet(path, columns=columns, memory_map=False, glob=False)
            except (OSError, module.exceptions.PolarsError):
                path.unlink(missing_ok=True)

    def add(self, measured: Measured) -> None:
        """Keep films; those of one call may not have reached the disk before ``flush``."""
        for path, data in measured.masks.items():
            target = self.folder.parent / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, data)
        if len(measured.films):
            self._frames.append(measured.films)
        full = sum(map(len, self._frames)) >= FILMS
        if full or time.monotonic() - self._since > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was kept since the last part."""
        if self._frames:
            frame = polars().concat(self._frames)
            # Compressing the pictures would take longer than measuring some of the films.
            write_frame(frame, self.folder / f"{self._next:06d}.parquet", "uncompressed")
            self._next += 1
            self._frames = []
        self._since = time.monotonic()

    def clear(self) -> None:
        """Forget all: they are in the catalog."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.parquet"))
