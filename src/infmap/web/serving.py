"""How an application is served: one listening socket, TLS or not, until a signal ends it."""

from __future__ import annotations

import ctypes
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from infmap.core.errors import UsageError
from infmap.web.protocol import TimedHead
from infmap.web.sessions import TrustedProxies, is_loopback

# Seconds that an idle connection stays open. A reader looks at a film for minutes, and a connection
# that closes just as a stroke is sent costs a try; uvicorn's own 5 s makes that common.
KEEP_ALIVE = 300
# Seconds for answers under way when the server is stopped: a film over a slow line.
GRACE = 20
# Connections that wait to be taken, as uvicorn has it.
BACKLOG = 2048
# Bytes from which a block is the system's own: small films' masks are below, large films' above.
LARGE_BLOCK = 2**20
# Open files, each connection one: most systems allow a process 1024 unless it asks for more, which
# idle browsers of one large hospital would take.
FILES = 16_384
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


@dataclass(frozen=True)
class Listen:
    """Where a server listens, and its TLS.

    Attributes:
        host: address to listen on.
        port: to listen on; 0 for any free one.
        certificate: PEM file for TLS; with ``key``.
        key: PEM file with its private key.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None

    @property
    def local(self) -> bool:
        """Whether this machine alone reaches the address."""
        return self.host == "localhost" or is_loopback(self.host)

    def check(self, proxies: TrustedProxies) -> None:
        """Refuse what would send secrets and films over a network for all to read.

        Raises:
            UsageError: a certificate does not do, or other machines would speak without TLS.
        """
        if (self.certificate is None) != (self.key is None):
            raise UsageError("expected a certificate and its key, got one of the two")
        if self.certificate is not None:
            try:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    self.certificate, self.key
                )
            except (ssl.SSLError, OSError) as error:
                raise UsageError(
                    f"certificate: expected two PEM files that belong together: {error}"
                ) from error
        if not self.local and self.certificate is None and not proxies.networks:
            raise UsageError(
                f"{self.host} is reached from other machines: give --certificate and --key, "
                "or name the reverse proxy that speaks TLS with --trusted"
            )

    @contextmanager
    def bound(self) -> Iterator[socket.socket]:
        """A bound socket; bound before anything is made, so that a second server changes nothing.

        Raises:
            UsageError: the address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind((self.host, self.port))
            except (OSError, OverflowError) as error:
                raise UsageError(
                    f"cannot listen on {self.host} port {self.port}: {error}; "
                    "choose another with --port"
                ) from error
            yield listening

    def address(self, listening: socket.socket) -> str:
        """The address of the first page."""
        scheme = "https" if self.certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{listening.getsockname()[1]}/"


class Server(uvicorn.Server):
    """uvicorn's server, which says when it begins to stop.

    Args:
        config: uvicorn's.
        stopping: called before answers under way are waited for: one that would go on for ever,
            such as a stream of events, ends itself.
    """

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the answers under way and end."""
        self._stopping()
        await super().shutdown(sockets)


def server_of(app: ASGIApp, listen: Listen, stopping: Callable[[], None] = lambda: None) -> Server:
    """The server of an application.

    Args:
        app: the application.
        listen: for its TLS.
        stopping: see ``Server``.
    """
    config = uvicorn.Config(
        app,
        http=TimedHead,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom to believe is ours to say: uvicorn would take any local proxy's word for an address.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    return Server(config, stopping)


def run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until a signal ends it; answers under way are finished.

    Args:
        server: of ``server_of``.
        listening: a listening socket.
    """
    _return_large_blocks()
    _raise_file_limit()
    # When it has stopped, uvicorn raises the signal once more for whoever listened before: a
    # handler that raises would break its event loop, with a traceback.
    with own_signals(lambda: None):
        server.run(sockets=[listening])


def _return_large_blocks() -> None:
    """Let glibc give a mask's memory back to the system as soon as it is freed.

    It raises its threshold for that by itself once such a block was freed, to 32 MiB; from then on
    each of the server's threads keeps masks of 9 MB, and clears them by hand instead of asking for
    fresh pages.
    """
    allocate = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if allocate is not None:  # another C library has no such habit
        allocate(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def _raise_file_limit() -> None:
    """Ask the system for as many open files as ``FILES``, or as it grants."""
    if sys.platform == "win32":  # it has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def own_signals(heard: Callable[[], object]) -> Iterator[None]:
    """Leave Ctrl-C and SIGTERM to a server, which finishes its work; others would end the process.

    Args:
        heard: called instead of what the signals would do otherwise.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # The command line's own watcher would end the process after a second.
    before = signal.set_wakeup_fd(-1)
    handlers = {n: signal.signal(n, lambda *_: heard()) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
