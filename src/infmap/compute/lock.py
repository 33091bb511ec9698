"""One process at a time writes to a folder, or does a piece of work."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from infmap.compute.processes import is_alive
from infmap.core.errors import UsageError

LOCK = ".lock"
"""File of the lock; it holds the process id and machine of who wrote last."""

# Rounds of taking over a dead holder's file: each is lost only to another process that does the
# same at that moment.
_TRIES = 3


class Busy(Exception):
    """Another process holds the lock.

    Attributes:
        holder: its process id and machine; None where they cannot be read.
        file: to remove where that process is gone for good; None where the system sees to it.
    """

    def __init__(self, holder: tuple[int, str] | None, file: Path | None = None) -> None:
        super().__init__(holder, file)
        self.holder, self.file = holder, file


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder; whoever held it and is dead does not count.

    Args:
        folder: exists.

    Raises:
        UsageError: another process holds it; the message names it.
        OSError: the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(folder / LOCK))
        except Busy as busy:
            raise _in_use(folder, busy) from None
        yield


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for; whoever held it and is dead does not count.

    The system's own file lock, which ends with its process, where the disk has one; a file made
    exclusively, with the holder's process id, on network disks that have none.

    Args:
        path: the file, made where missing; its folder exists.

    Raises:
        Busy: another process holds it.
        OSError: the file cannot be written.
    """
    # Opened without truncating: another process's name is still in it, for the message.
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        held = _lock(file)
        if held is False:
            raise Busy(_holder(path))
        owned = None if held else _make(path)
        try:
            os.ftruncate(file, 0)
            os.write(file, _me())
            yield
        finally:
            if owned is not None:
                with suppress(OSError):
                    owned.unlink()
    finally:
        os.close(file)


def _lock(file: int) -> bool | None:
    """Whether the file is locked now; None where the disk has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _make(lock: Path) -> Path:
    """Make the file that stands for the lock; that of a dead process is taken over."""
    path = lock.with_name(f"{lock.name}.owner")
    for _ in range(_TRIES):
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            holder = _holder(path)
            if not _is_dead(holder):
                raise Busy(holder, path) from None
            # Of two that come upon it, one moves it away; the other finds it gone.
            aside = path.with_name(f"{path.name}.{os.getpid()}")
            with suppress(FileNotFoundError):
                path.rename(aside)
                aside.unlink()
            continue
        os.write(made, _me())
        os.close(made)
        return path
    raise Busy(_holder(path), path)


def _me() -> bytes:
    return f"{os.getpid()} {socket.gethostname()}\n".encode()


def _holder(path: Path) -> tuple[int, str] | None:
    """Process id and machine; None where they cannot be read."""
    try:
        process, host = path.read_text(encoding="utf-8").split()
        return int(process), host
    except (OSError, ValueError):
        return None


def _is_dead(holder: tuple[int, str] | None) -> bool:
    return holder is not None and holder[1] == socket.gethostname() and not is_alive(holder[0])


def _in_use(folder: Path, busy: Busy) -> UsageError:
    who = f"process {busy.holder[0]} on {busy.holder[1]}" if busy.holder else "another process"
    gone = f" (if that is gone, remove {busy.file})" if busy.file else ""
    return UsageError(
        f"{folder}: {who} is writing there; wait for it{gone}, or choose another folder"
    )
