"""Work done in a process of its own, under limits: what it does to that process harms no other.

For work on bytes that come from anywhere, and for work that would hold up the threads of a server.
The process is kept for the next call and replaced when it ends. What comes back is JSON: nothing
that such a process says is ever unpickled or run.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import ParamSpec

from infmap.compute.memory import limited_memory
from infmap.compute.processes import begin_worker
from infmap.core.errors import InfmapError, UsageError
from infmap.core.files import Json, parse_json

Arguments = ParamSpec("Arguments")
# Seconds that a process may take to start, on top of what its work may take.
_START = 60.0


class Apart:
    """Processes that do one call each at a time. Safe to share between threads.

    Args:
        most: calls at once; more wait.
        what: the thing that is worked on, for messages, such as "film".
        seconds: wall time of a call, then its process is ended.
        memory: bytes that a call may take.
    """

    def __init__(self, most: int, what: str, seconds: float, memory: int) -> None:
        self._what, self._seconds, self._memory = what, seconds, memory
        self._room = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        # Before multiprocessing asks them to end and waits: one that is stopped never hears it.
        atexit.register(self.close)

    def call(
        self,
        function: Callable[Arguments, Json],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Json:
        """What a function returns, called in another process.

        Args:
            function: of a module; its arguments can be pickled.
            arguments: its arguments.
            named: its arguments.

        Raises:
            UsageError: the function raised an error that a user can correct; or it took too long or
                too much memory, or ended its process.
            RuntimeError: it raised anything else; the message says what and where, not why.
        """
        with self._room:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            child = child or _Child(self._memory)
            try:
                answer = child.ask((function, arguments, named), self._seconds)
            except BaseException:
                child.end()
                raise
            if answer is None:
                child.end()
                raise UsageError(
                    f"{self._what}: it takes too long, or ends the program that works on it; "
                    "it is probably damaged, export it again"
                )
            with self._lock:
                self._idle.append(child)
        if "value" in answer:
            return answer["value"]
        if answer.get("kind") == "memory":
            raise UsageError(f"{self._what}: it takes too much memory; send a smaller one")
        if answer.get("kind") == "user":
            raise UsageError(str(answer.get("text")))
        raise RuntimeError(str(answer.get("text")))

    def close(self) -> None:
        """End the processes that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()


class _Child:
    def __init__(self, memory: int) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        # Spawned: a fork beside threads may copy a lock that is never released.
        self._process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs, os.getpid(), memory), name="apart", daemon=True
        )
        self._process.start()
        theirs.close()
        self._allowed = _START

    def ask(self, call: object, seconds: float) -> dict[str, Json] | None:
        """The answer; None where there is none in time."""
        try:
            self._pipe.send(call)
            if not self._pipe.poll(seconds + self._allowed):
                return None
            self._allowed = 0.0
            answer = parse_json(self._pipe.recv_bytes().decode())
        except (EOFError, OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Pipe, parent: int, memory: int) -> None:
    begin_worker(parent)
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments, named = pipe.recv()
            pipe.send_bytes(json.dumps(_answer(function, arguments, named, memory)).encode())


def _answer(
    function: Callable[..., Json],
    arguments: tuple[object, ...],
    named: dict[str, object],
    memory: int,
) -> dict[str, Json]:
    try:
        with limited_memory(memory):
            return {"value": function(*arguments, **named)}
    except InfmapError as error:
        return {"kind": "user", "text": str(error)}
    except MemoryError:
        return {"kind": "memory"}
    except Exception as error:
        # An error's message may be of a patient: its kind and place are enough to correct it.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        return {"kind": "other", "text": f"{type(error).__name__} at {place}"}
