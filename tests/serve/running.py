"""The application of a test on a port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from infmap.serve.notices import Notices
from infmap.web.serving import Listen, run, server_of


@contextmanager
def running(app: ASGIApp, notices: Notices | None = None) -> Iterator[str]:
    """Serve it while the body runs; gives its address without a slash at its end."""
    listen = Listen()
    with listen.bound() as listening:
        server = server_of(app, listen, (notices or Notices()).stop)
        listening.listen()
        thread = threading.Thread(target=run, args=(server, listening))
        thread.start()
        try:
            yield listen.address(listening).rstrip("/")
        finally:
            server.should_exit = True
            thread.join()
