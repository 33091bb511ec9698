"""Work that a thread does again and again, whatever becomes of one round of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

LOG = logging.getLogger("infmap.node")


class Repeated:
    """Does something again and again in a thread, at once while there is more of it.

    Args:
        name: of the work, for the log.
        work: does what there is to do now; returns how much that was.
        pause: seconds before the next look where there was nothing.
    """

    def __init__(self, name: str, work: Callable[[], int], pause: float) -> None:
        self._name, self._work, self._pause = name, work, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Begin nothing more, and wait so many seconds for what is under way."""
        self._stop.set()
        self._thread.join(grace)

    def _run(self) -> None:
        before = None
        while not self._stop.is_set():
            trouble = None
            try:
                if self._work():
                    before = None
                    continue
            except OperationalError:
                trouble = "the database does not answer"
            except Exception as error:  # a defect must not end the thread; its text may be a name's
                trouble = f"{type(error).__name__}; goes on"
            # Once, however long it lasts: several lines a second would fill the disk that is full.
            if trouble is not None and trouble != before:
                LOG.error("%s: %s", self._name, trouble)
            before = trouble
            self._stop.wait(self._pause)
