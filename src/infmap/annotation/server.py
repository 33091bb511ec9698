"""What ``infmap annotate serve`` does: a first project where there is none, then the server."""

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

from infmap.annotation import planning, projects, users
from infmap.annotation.app import AppSettings, create_app
from infmap.annotation.routes_admin import one_time_password
from infmap.annotation.store import Store
from infmap.core.errors import UsageError
from infmap.web.observe import log_to_stderr
from infmap.web.sessions import TrustedProxies, is_loopback

FIRST_USER, FIRST_PROJECT = "admin", "Demo"
# Seconds that an idle connection stays open. A reader looks at a film for minutes, and a connection
# that closes just as a stroke is sent costs a try; uvicorn's own 5 s makes that common.
KEEP_ALIVE = 300
# Seconds for answers under way when the server is stopped: a film over a slow line.
GRACE = 20
# Connections that wait to be taken, as uvicorn has it.
BACKLOG = 2048
# Bytes from which a block is the system's own: small films' masks are below, large films' above.
LARGE_BLOCK = 2**20
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
Fill = Callable[[Store, str], None]
"""Puts films and proposals into a new project, whose identifier it is given."""


@dataclass(frozen=True)
class ServerSettings:
    """How the station is served.

    Attributes:
        folder: of the station; made where there is none.
        database: ``postgresql://...``; SQLite in the folder by default.
        host: address to listen on.
        port: to listen on; 0 for any free one.
        certificate: PEM file for TLS; with ``key``.
        key: PEM file with its private key.
        proxy_header: header in which a reverse proxy names the signed-in user; "" for none.
        trusted: addresses and networks of reverse proxies.
    """

    folder: Path = Path("infmap-station")
    database: str | None = None
    host: str = "127.0.0.1"
    port: int = 8010
    certificate: Path | None = None
    key: Path | None = None
    proxy_header: str = ""
    trusted: tuple[str, ...] = ()


def serve(settings: ServerSettings, fill: Fill, say: Callable[[str], None]) -> None:
    """Serve the station until a signal ends it; answers under way are finished.

    Args:
        settings: how.
        fill: fills the first project of a station that has none.
        say: prints one line.

    Raises:
        UsageError: an address, certificate or database does not do.
    """
    proxies = TrustedProxies.of(settings.proxy_header, settings.trusted)
    _check_exposure(settings, proxies)
    with _listening(settings) as listening:
        store = Store.open(settings.folder, settings.database)
        try:
            password = prepare(store, fill)
            log_to_stderr()
            _return_large_blocks()
            server = uvicorn.Server(_config(settings, create_app(store, AppSettings(proxies))))
            listening.listen(BACKLOG)  # who follows the address at once waits, and is not refused
            say(f"Annotation station, research use only: {address(settings, listening)}")
            if password is not None:
                say(f"Sign in as {FIRST_USER} with the one-time password {password}")
            with _own_signals():
                server.run(sockets=[listening])
        finally:
            store.close()


def prepare(store: Store, fill: Fill) -> str | None:
    """Make what a new station lacks: an administrator and a project.

    Args:
        store: the open station.
        fill: fills the project.

    Returns:
        The administrator's one-time password; None where one has been changed already. It is made
        anew until then, for the one printed before may be lost.
    """
    password = one_time_password()
    with store.begin() as c:
        first = users.named(c, FIRST_USER)
        if not users.every(c):
            first = users.add(c, FIRST_USER, password, "administrator", must_change=True)
        elif first is not None and first.must_change:
            users.set_password(c, first, password, must_change=True)
        new = not projects.every(c)
    if new:
        _first_project(store, fill)
    return password if first is not None and (first.must_change or new) else None


def _first_project(store: Store, fill: Fill) -> None:
    """A project in which one person can do everything."""
    with store.begin() as c:
        project = projects.create(c, FIRST_PROJECT, settings=projects.Settings(stage=2)).id
        first = users.named(c, FIRST_USER)
        if first is not None:
            projects.member(c, project, first, "senior")
    fill(store, project)
    planning.measure(store, project)
    with store.begin() as c:
        planning.plan(c, project)


def address(settings: ServerSettings, listening: socket.socket) -> str:
    """The address of the first page."""
    scheme = "https" if settings.certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}/"


def _check_exposure(settings: ServerSettings, proxies: TrustedProxies) -> None:
    """Refuse what would send passwords and films over a network for all to read."""
    if (settings.certificate is None) != (settings.key is None):
        raise UsageError("expected a certificate and its key, got one of the two")
    if settings.certificate is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                settings.certificate, settings.key
            )
        except (ssl.SSLError, OSError) as error:
            raise UsageError(
                f"certificate: expected two PEM files that belong together: {error}"
            ) from error
    local = settings.host == "localhost" or is_loopback(settings.host)
    if not local and settings.certificate is None and not proxies.networks:
        raise UsageError(
            f"{settings.host} is reached from other machines: give --certificate and --key, "
            "or name the reverse proxy that speaks TLS with --trusted"
        )


@contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """A bound socket; bound before anything is made, so that a second server changes nothing."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot listen on {settings.host} port {settings.port}: {error}; "
                "choose another with --port"
            ) from error
        yield listening


def _config(settings: ServerSettings, app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom to believe is ours to say: uvicorn would take any local proxy's word for an address.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )


def _return_large_blocks() -> None:
    """Let glibc give a mask's memory back to the system as soon as it is freed.

    It raises its threshold for that by itself once such a block was freed, to 32 MiB; from then on
    each of the server's threads keeps masks of 9 MB, and clears them by hand instead of asking for
    fresh pages.
    """
    allocate = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if allocate is not None:  # another C library has no such habit
        allocate(_M_MMAP_THRESHOLD, LARGE_BLOCK)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Leave signals to the server, which finishes its answers; others would end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.set_wakeup_fd(-1)
    # When it has stopped, uvicorn raises the signal once more for whoever listened before: a
    # handler that raises would break its event loop, with a traceback.
    handlers = {n: signal.signal(n, lambda *_: None) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
