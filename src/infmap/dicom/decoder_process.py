"""The process that decodes: one picture after another, from standard input to standard output.

A message is a length (4 bytes), a JSON header of that length, and as many bytes as the header's
``size`` says. Nothing that comes back is ever unpickled or run. What decoders print is caught and
returned as text. The process ends with whoever started it, when its input ends at the latest; a
decoding in progress that holds the interpreter has a limit which the system itself enforces.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from infmap.compute.memory import limited_memory
from infmap.compute.processes import begin_worker

if TYPE_CHECKING:
    from infmap.dicom.codecs import Job
    from infmap.dicom.tiff import TiffInfo

MEMORY_BASE, MEMORY_A_PIXEL = 1 << 30, 64
"""Bytes of address space that a decoder may add: JPEG 2000 needs most, about 40 a pixel."""

SECONDS_BASE, SECONDS_A_MEGAPIXEL = 4.0, 2.0
"""CPU time of a decoding: on one slow core JPEG 2000 takes 0.2 s a megapixel."""

# Bytes of what a decoder prints that are kept: a few lines say what is wrong.
_CHATTER = 4000


class Message(TypedDict, total=False):
    """JSON header of a message: a question has ``job``, an answer the rest.

    Attributes:
        size: bytes that follow the header.
        job: what to decode.
        error: "large", "damaged", "unread", "memory" or "missing"; absent where it is decoded.
        text: what the error says.
        shape: of the values that follow.
        dtype: their type, as numpy's ``dtype.str``.
        precision: as of ``Decoded``.
        signed: as of ``Decoded``.
        notes: as of ``Decoded``.
        info: as of ``Decoded``.
        chatter: what the decoder printed.
    """

    size: int
    job: Job
    error: str
    text: str
    shape: tuple[int, ...]
    dtype: str
    precision: int | None
    signed: bool | None
    notes: list[str]
    info: TiffInfo
    chatter: str


def seconds_for(pixels: int) -> float:
    """CPU seconds that decoding so many pixels may take."""
    return SECONDS_BASE + SECONDS_A_MEGAPIXEL * pixels / 1e6


def main() -> None:
    """Answer until the input ends."""
    begin_worker(int(sys.argv[2]))
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 1)
        os.dup2(chatter.fileno(), 2)
        while (message := receive(source)) is not None:
            header, data = message
            reply, body = answer(header, data)
            reply["chatter"] = said(chatter)
            send(sink, reply, body)


def send(sink: BinaryIO, header: Message, body: bytes | memoryview | None) -> None:
    """Write one message; ``body`` is a buffer of bytes."""
    view = memoryview(body).cast("B") if body is not None else memoryview(b"")
    text = json.dumps({**header, "size": view.nbytes}).encode()
    for part in (len(text).to_bytes(4, "little") + text, view):
        sent = memoryview(part)
        while sent.nbytes:
            sent = sent[sink.write(sent) or 0 :]
    sink.flush()


def receive(source: BinaryIO) -> tuple[Message, bytearray] | None:
    """Read one message; None at the end of input, also in the middle of one."""
    length = _exactly(source, 4)
    text = _exactly(source, int.from_bytes(length, "little")) if length is not None else None
    if text is None:
        return None
    header: Message = json.loads(bytes(text))
    body = _exactly(source, int(header["size"]))
    return None if body is None else (header, body)


def _exactly(source: BinaryIO, count: int) -> bytearray | None:
    """So many bytes, or None where the input ends before."""
    body = bytearray(count)
    view, got = memoryview(body), 0
    while got < count:
        step = source.readinto(view[got:])  # type: ignore[attr-defined]
        if not step:
            return None
        got += step
    return body


def answer(header: Message, data: bytearray) -> tuple[Message, memoryview | None]:
    """Decode one picture, or say why not."""
    import numpy as np

    from infmap.dicom.codecs import Job, decode, stated_pixels
    from infmap.dicom.damage import Damaged, NotRead, TooLarge

    job = Job(*header["job"])
    try:
        # The header is read under the limit without pixels: a header that lies cannot buy itself
        # memory.
        with _limited(0):
            pixels = stated_pixels(job, bytes(data))
        with _limited(pixels):
            result = decode(job, bytes(data))
            values = np.ascontiguousarray(result.values)
    except TooLarge as error:
        return {"error": "large", "text": str(error)}, None
    except Damaged as error:
        return {"error": "damaged", "text": str(error)}, None
    except NotRead as error:
        return {"error": "unread", "text": str(error)}, None
    except MemoryError:
        return {"error": "memory", "text": ""}, None
    except ImportError as error:
        return {"error": "missing", "text": str(error.name)}, None
    except Exception as error:  # hostile data may raise anything inside a decoder
        return {"error": "damaged", "text": f"{type(error).__name__}: {error}"}, None
    reply: Message = {
        "shape": values.shape,
        "dtype": values.dtype.str,
        "precision": result.precision,
        "signed": result.signed,
        "notes": result.notes,
        "info": result.info,
    }
    return reply, values.data


@contextmanager
def _limited(pixels: int) -> Iterator[None]:
    """Limits of memory and CPU time, where the system has them; beyond, the system ends us."""
    with limited_memory(MEMORY_BASE + MEMORY_A_PIXEL * pixels):
        if sys.platform == "win32":
            yield
            return
        # CPU time, not wall time: a busy machine must not fail a good film.
        signal.setitimer(signal.ITIMER_PROF, seconds_for(pixels))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)


def said(chatter: BinaryIO) -> str:
    """What was printed since last time."""
    size = os.lseek(chatter.fileno(), 0, os.SEEK_END)
    if not size:
        return ""
    os.lseek(chatter.fileno(), 0, os.SEEK_SET)
    text = os.read(chatter.fileno(), _CHATTER)
    os.ftruncate(chatter.fileno(), 0)
    os.lseek(chatter.fileno(), 0, os.SEEK_SET)
    return text.decode("ascii", "replace")
