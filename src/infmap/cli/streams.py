"""Standard streams: a reader that leaves is no error, and decoders do not write to a terminal."""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO


class _Pipe(io.FileIO):
    """A standard stream. Once it cannot be written, what comes after goes to nobody."""

    def write(self, data: Any) -> int:
        """Write; a reader that has gone away, as ``head`` does, has all it wants."""
        try:
            return super().write(data) or 0
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if isinstance(error, BrokenPipeError):
                return len(data)
            raise


def _open(descriptor: int, like: TextIO, *, line_buffering: bool) -> TextIO:
    raw = io.BufferedWriter(_Pipe(descriptor, "w", closefd=False))
    return io.TextIOWrapper(
        raw, encoding=like.encoding, errors=like.errors, line_buffering=line_buffering
    )


def forgive_closed_pipes() -> None:
    """Let standard output and error outlive their readers. Streams of a caller stay as they are."""
    while (lowest := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a standard stream that was closed must not become some file's descriptor
    os.close(lowest)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the process ends
        elif stream is getattr(sys, f"__{name}__") and _number(stream) == descriptor:
            stream.flush()
            lines = name == "stderr" or stream.isatty()
            setattr(sys, name, _open(descriptor, stream, line_buffering=lines))


@contextmanager
def messages_to(path: Path) -> Iterator[None]:
    """Send what libraries write on standard error to a file: decoders, warnings and logs.

    Python's own ``sys.stderr``, on which progress bars and errors are shown, stays where it is, and
    so does the message of a crash: Python's fault handler writes it there.

    Args:
        path: the file, begun anew; it is removed where nothing was written.
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
    moved = _number(stream) == 2
    faults = not faulthandler.is_enabled()
    try:
        if moved:
            stream.flush()
            sys.stderr = _open(real, stream, line_buffering=True)
        if faults:
            faulthandler.enable(real, all_threads=False)
        os.dup2(file, 2)
        yield
    finally:
        os.dup2(real, 2)
        if faults:
            faulthandler.disable()
        if moved:
            sys.stderr.flush()
            sys.stderr = stream
        os.close(real)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Log records and Python warnings of libraries go to a file."""
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


def _number(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
