"""A limit on the memory that one piece of work may take, where the system has such limits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """Let this process add so many bytes of address space inside; a body that wants more fails.

    Python and numpy raise ``MemoryError`` then; native code may end the process. The limit is the
    whole process's: no other thread should need memory meanwhile.

    Args:
        more: bytes beyond those in use.
    """
    used = address_space()
    if sys.platform == "win32" or used is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = used + more
    for outer in (soft, hard):
        if outer != resource.RLIM_INFINITY:  # a limit that holds already is never lifted
            most = min(most, outer)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def address_space() -> int | None:
    """Bytes of address space in use; None where the system does not tell (not Linux)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
