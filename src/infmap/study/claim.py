"""A claim on a run that dies with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infmap.compute.lock import Busy, hold
from infmap.core.errors import UsageError

LOCK = "lock"


@contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Hold a run while the body runs; yields whether it was free.

    The system drops the lock when the process ends, however it ends, so a claim never outlives
    its holder. It holds across machines where the file system has locks (NFS 4, Lustre).

    Args:
        folder: the run's folder, made if need be.

    Raises:
        UsageError: the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold(folder / LOCK))
        except Busy:
            mine = False
        except OSError as error:
            raise UsageError(f"{folder}: cannot be written ({error.strerror})") from error
        else:
            mine = True
        yield mine
