"""Progress bars on a terminal, silence elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int, text: str, *, quiet: bool = False) -> Iterator[Item]:
    """Pass items on, with a progress bar on standard error if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=text, total=total, console=Console(stderr=True))


@contextmanager
def bar(text: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """What a long step calls with its work done and its work in all, shown on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


class Records:
    """What shows the records of long work: JSON lines, or a bar on a terminal.

    A class of its own says how a record is shown.

    Args:
        text: of the bar.
        as_json: no bar; records are printed.
    """

    def __init__(self, text: str, *, as_json: bool) -> None:
        self._text, self._as_json = text, as_json
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Start the bar on a terminal."""
        if sys.stderr.isatty() and not self._as_json:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task(self._text, total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the bar."""
        if self._bar:
            self._bar.stop()

    def print(self, record: object) -> None:
        """Print a record as a line of JSON, at once: another program may read along."""
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
