"""Worker processes that never outlive the process they work for."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time

LOOK_EVERY = 0.5
"""Seconds between looks at the parent, on systems that cannot wait for a process's end."""

_parents: set[int] = set()


def begin_worker(parent: int) -> None:
    """What a worker process does first: the initializer of a pool, or the head of its work.

    It ends with its parent, and leaves Ctrl-C, which a terminal sends to all processes of a
    command, to the parent. Call it as often as you like.

    Args:
        parent: process id, taken by ``os.getpid()`` where the worker is started.
    """
    if os.getpid() == parent or parent in _parents:
        return
    if threading.current_thread() is threading.main_thread():
        # Signals can be set in the main thread only (Python's rule).
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


def end_with_parent(parent: int) -> None:
    """End this process within a second of another's end, however that comes: a kill as well.

    A thread waits for it, so that this also works where the parent is no direct one, as with a
    fork server, or where the thread that started this process ends before the others, which
    Linux's own ``PR_SET_PDEATHSIG`` takes for the parent's end.

    Args:
        parent: process id.
    """
    if parent in _parents:
        return
    _parents.add(parent)
    threading.Thread(target=_outlast, args=(parent,), name="parent", daemon=True).start()


def _outlast(parent: int) -> None:
    _wait_for_end(parent)
    # Not sys.exit: this is not the main thread, and no one is left to clean up for.
    os._exit(1)


def _wait_for_end(pid: int) -> None:
    if sys.platform == "win32":
        import multiprocessing

        handle = multiprocessing.parent_process()
        if handle is None or handle.pid != pid:
            raise ValueError(f"expected the process that started this one, got {pid}")
        handle.join()
        return
    if sys.platform == "linux":
        try:
            end = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:  # an old kernel, or a sandbox that has no such call
            pass
        else:
            select.select([end], [], [])
            return
    # A process that ended is no parent any more, though its id lives on until it is waited for.
    direct = os.getppid() == pid
    while is_alive(pid) and not (direct and os.getppid() != pid):
        time.sleep(LOOK_EVERY)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs, as far as this user may know."""
    if sys.platform == "win32":  # where os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
