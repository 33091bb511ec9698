"""What libraries write on standard error: decoders in C do not ask who is looking."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def messages_to(path: Path) -> Iterator[None]:
    """Send what libraries write on standard error to a file: decoders, warnings and logs.

    Python's own ``sys.stderr``, on which progress bars and errors are shown, stays where it is, and
    so does the message of a crash: Python's fault handler writes it there.

    Args:
        path: the file, started again from empty; it is removed where nothing was written.
    """
    with ExitStack() as undo:
        file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by the stack
        undo.callback(_remove_if_empty, path)
        undo.callback(file.close)
        file.truncate(0)
        undo.enter_context(_redirected(file.fileno()))
        undo.enter_context(_logged(path))
        yield


@contextmanager
def _redirected(file: int) -> Iterator[None]:
    """Descriptor 2 leads to a file, ``sys.stderr`` to where descriptor 2 led."""
    stream, real = sys.stderr, os.dup(2)
    moved = False
    with suppress(AttributeError, OSError, ValueError):  # a caller's stream, or none
        moved = stream.fileno() == 2
    faults = not faulthandler.is_enabled()
    try:
        if moved:
            stream.flush()
            # Not closed with the stream: the fault handler writes there, too.
            sys.stderr = open(  # noqa: SIM115 - closed below, after the libraries are led back
                real,
                "w",
                buffering=1,
                encoding=stream.encoding,
                errors=stream.errors,
                closefd=False,
            )
        if faults:
            faulthandler.enable(real, all_threads=False)
        os.dup2(file, 2)
        yield
    finally:
        os.dup2(real, 2)
        if faults:
            faulthandler.disable()
        if moved:
            with suppress(OSError):
                sys.stderr.close()
            sys.stderr = stream
        os.close(real)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Log records and Python warnings of libraries go to a file."""
    # delay: no file is opened where nothing is logged.
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
