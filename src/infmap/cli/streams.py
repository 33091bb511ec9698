"""Standard streams whose readers may leave."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class _Pipe(io.FileIO):
    """A standard stream. Once it cannot be written, what comes after is dropped."""

    def write(self, data: Any) -> int:
        """Write; a reader that has gone away, as ``head`` does, has all it wants."""
        try:
            return super().write(data) or 0
        except OSError as error:
            # The descriptor itself is led away: libraries in C write to it as well.
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


def _number(stream: TextIO) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
