"""Ctrl-C and SIGTERM end any verb soon and with one line, whatever its threads are doing."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

# Chosen by hand: long enough to close files, short enough not to be pressed twice.
GRACE = 1.0
"""Seconds that a verb has to put its work away; after them, or at a second signal, it is ended."""

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Stop:
    """Whether a signal asked a verb to stop, and the end of the process.

    Args:
        verb: for the line.
    """

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self._signal: int | None = None
        self._over = False
        self._ending = threading.Lock()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal in the main thread: the first one unwinds what it is doing."""
        first, self._signal = self._signal is None, self._signal or number
        threading.excepthook = _unheard  # a pool's thread may miss what the main one takes away
        if first and not self._over:
            raise KeyboardInterrupt

    def came(self) -> bool:
        """Whether a signal came. The verb is over: from here on none raises."""
        self._over = True
        return self._signal is not None

    def end(self, number: int | None = None) -> NoReturn:
        """Say one line and end the process with status 128 + signal, joining no thread."""
        self._ending.acquire()  # for good: whoever else comes here waits for the end
        number = number or self._signal or signal.SIGTERM
        _kill_children()
        _say(f"infmap {self.verb}: stopped by {NAMES[signal.Signals(number)]}\n")
        os._exit(128 + number)

    def wait(self, woken: socket.socket) -> None:
        """End the process after the grace of the first signal, or at the second.

        Args:
            woken: gets a byte for each signal, also while the main thread is inside native code.
        """
        with suppress(OSError):
            while data := woken.recv(1):
                if data[0] not in NAMES:
                    continue
                select.select([woken], [], [], GRACE)
                self.end(data[0])


@contextmanager
def stopping(verb: str) -> Iterator[Stop]:
    """While a verb runs, signals unwind it, and end the process where that takes too long.

    Yields:
        What says whether a signal came. Whoever put the verb away calls its ``end``.
    """
    stop = Stop(verb)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    descriptor = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, stop) for number in NAMES}
    waiting = threading.Thread(target=stop.wait, args=(woken,), name="stopping", daemon=True)
    waiting.start()
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)
        wakes.close()  # the thread reads the end
        waiting.join()
        woken.close()


def _unheard(_: threading.ExceptHookArgs) -> None:
    """Say nothing of a thread that fails: the process is being ended."""


def _kill_children() -> None:
    """Kill the worker processes that multiprocessing knows; it would ask them only at exit."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        for child in multiprocessing.active_children():
            with suppress(OSError):
                child.kill()


def _say(line: str) -> None:
    """Write to standard error past its buffer, which a stuck thread may hold, and never wait."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = sys.stderr.fileno()
        if os.isatty(descriptor):  # what a progress bar hides and leaves behind
            line = f"\r\x1b[K\x1b[?25h{line}"
        if sys.platform == "win32" or select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, line.encode())
