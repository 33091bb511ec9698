"""A claim on a run that dies with its process: a POSIX record lock on the run's lock file."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infmap.core.errors import UsageError

LOCK = "lock"


@contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Hold a run while the body runs; yields whether it was free.

    The system drops the lock when the process ends, however it ends, so a claim never outlives
    its holder. It holds across machines where the file system has POSIX locks (NFS 4, Lustre).

    Args:
        folder: the run's folder, made if need be.

    Raises:
        UsageError: this system has no POSIX locks, or the folder cannot be written.
    """
    try:
        import fcntl
    except ImportError as error:
        raise UsageError("infmap benchmark run needs POSIX file locks: Linux or macOS") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror})") from error
    with stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        stream.truncate(0)
        stream.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}) + "\n")
        stream.flush()
        yield True
