"""Decode in a process of its own, so that a decoder that crashes costs one film.

Decoders are native code that reads bytes from anywhere. A fault in one must not end a run over
thousands of films, so compressed DICOM pixels and TIFF files are decoded by child processes, one
for each thread that decodes at the time, kept for the next film and replaced when they end. PNG,
BMP, JPEG and WebP files and uncompressed DICOM films never come here.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import multiprocessing.spawn
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np

from infmap.core.errors import UnreadableFilm
from infmap.dicom.codecs import Decoded, Job
from infmap.dicom.decoder_process import Message, receive, seconds_for, send
from infmap.dicom.film import too_large

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from infmap.dicom.decoder_process import main; main()"
)
# Seconds, and times the CPU limit; chosen by hand.
_WALL_BASE, _WALL_FACTOR = 30.0, 10.0
"""Wall time allowed: the CPU limit holds first unless the machine is very busy or has no such."""
_PIPE = 1 << 20
"""Bytes a pipe holds: the most that Linux allows without privileges."""

_OUT_OF_TIME = -int(getattr(signal, "SIGPROF", 1 << 16))
"""Exit status of a process whose CPU time is over."""


class _Ended(Exception):
    """The process ended, or was ended for taking too long (``slow``)."""

    def __init__(self, slow: bool) -> None:
        super().__init__()
        self.slow = slow


class _Child:
    """One decoding process."""

    def __init__(self) -> None:
        executable = multiprocessing.spawn.get_executable() or sys.executable
        if isinstance(executable, bytes):
            executable = os.fsdecode(executable)
        self._process = subprocess.Popen(
            [
                executable,
                # -P: the folder of the parent's script is no place to import from; -W: its warnings
                # go nowhere.
                "-P",
                "-W",
                "ignore",
                "-c",
                _START,
                json.dumps(_paths()),
                str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            # Ctrl-C goes to the parent alone, which ends its children in order.
            start_new_session=True,
        )
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _widen(pipe.fileno())

    def ask(self, job: Job, data: bytes) -> tuple[Message, bytearray]:
        """One question, one answer."""
        pixels = job.rows * job.columns or job.pixels
        limit = _WALL_BASE + _WALL_FACTOR * seconds_for(pixels)
        late = threading.Event()
        timer = threading.Timer(limit, self._end, [late])
        timer.daemon = True
        timer.start()
        try:
            send(self._process.stdin, {"job": job}, data)  # type: ignore[arg-type]
            answer = receive(self._process.stdout)  # type: ignore[arg-type]
        except (OSError, ValueError):
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            self.close()
            raise _Ended(late.is_set() or self._process.returncode == _OUT_OF_TIME)
        return answer

    def _end(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def close(self) -> None:
        """End the process and wait for it."""
        self.drop()
        try:
            # Seconds: it ends as soon as its input does; one that hangs in a decoder is killed.
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def drop(self) -> None:
        """Close our ends of its pipes, upon which it ends."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def disown(self) -> None:
        """In a forked copy of the parent: it is not our child."""
        self.drop()
        self._process.returncode = 0


class DecoderPool:
    """Processes that decode. Safe to share between threads; a fork starts with none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    def ask(self, job: Job, data: bytes) -> tuple[Message, bytearray]:
        """Ask an idle process, or a new one."""
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None:
            child = _Child()
            with self._lock:
                self._all.add(child)
        try:
            answer = child.ask(job, data)
        except BaseException:
            with self._lock:
                self._all.discard(child)
            child.close()
            raise
        with self._lock:
            self._idle.append(child)
        return answer

    def close(self) -> None:
        """End all processes that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for child in idle:
            child.close()

    def forget(self) -> None:
        """In a forked copy of this process: leave the other's children alone."""
        for child in self._all:
            child.disown()
        self.__init__()  # type: ignore[misc]


POOL = DecoderPool()
atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)


def decode_apart(job: Job, data: bytes, what: str, notes: list[str]) -> Decoded:
    """Decode a picture in a process of its own.

    Args:
        job: what the picture is, and what is stated around it.
        data: the picture.
        what: what it should have been, for messages: "a whole DICOM film".
        notes: gets what the decoders printed, and what they guessed or repaired.

    Returns:
        its values, in memory of our own.

    Raises:
        UnreadableFilm: damaged, not read here, or the decoder ended or took too long.
    """
    try:
        reply, body = _ask_twice(job, data)
    except _Ended as ended:
        fate = "takes too long to decode" if ended.slow else "stops the decoder"
        raise UnreadableFilm(
            f"expected {what}, got one that {fate}; it is probably damaged, export it again"
        ) from None
    except OSError as error:
        raise UnreadableFilm(
            f"expected to start a decoder, the system says {type(error).__name__}; "
            "free memory or processes"
        ) from error
    notes.extend(_sentences(job.kind, reply.get("chatter") or ""))
    fault = reply.get("error")
    if fault == "unread":
        raise UnreadableFilm(
            f"expected a compression that is read here, got {reply['text']}; export it uncompressed"
        )
    if fault == "large":
        raise too_large(job.pixels, reply["text"])
    if fault == "missing":
        raise UnreadableFilm(
            f"expected an installed decoder, got none ({reply['text']}); "
            "pip install imagecodecs simplejpeg tifffile"
        )
    if fault == "memory":
        raise UnreadableFilm(
            f"expected {what}, got one that needs too much memory to decode; export it again"
        )
    if fault:
        raise UnreadableFilm(
            f"expected {what}, got one with damaged {job.kind} data; export or copy it again"
        )
    values = np.frombuffer(body, np.dtype(reply["dtype"])).reshape(reply["shape"])
    notes.extend(reply["notes"])
    return Decoded(values, reply["precision"], reply["signed"], info=reply["info"])


def _ask_twice(job: Job, data: bytes) -> tuple[Message, bytearray]:
    """Ask again where a process ended: it may have been ended from outside, or before."""
    try:
        return POOL.ask(job, data)
    except _Ended as ended:
        if ended.slow:
            raise
    return POOL.ask(job, data)


def _sentences(kind: str, chatter: str) -> list[str]:
    """What a decoder printed, as one warning; its words are of the stream, never of a person."""
    lines = [re.sub(r"[^\x20-\x7e]+", " ", line).strip() for line in chatter.splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line))[:3]
    return [f"the {kind} decoder says: {'; '.join(lines)[:200]}"] if lines else []


def _widen(pipe: int) -> None:
    """Let a pipe hold a film, so that the two processes seldom wait for each other."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # the system limits what a user may have of it
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _paths() -> list[str]:
    """Where modules are found, the folder of the running script last.

    A file of the user's beside a script must not stand in for a module of the same name.
    """
    paths = [path or os.getcwd() for path in sys.path]
    script = os.path.dirname(os.path.abspath(sys.argv[0])) if sys.argv and sys.argv[0] else ""
    if paths and (paths[0] == script or not sys.path[0]):
        paths.append(paths.pop(0))
    return paths
