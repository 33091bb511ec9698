"""What ``infmap serve`` does: workers that read films, and the server before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.inference import read_deployable
from infmap.serve import keys
from infmap.serve.app import LARGEST, AppSettings, create_app
from infmap.serve.callers import Limits
from infmap.serve.housekeeping import Housekeeping
from infmap.serve.notices import Notices
from infmap.serve.store import Store
from infmap.serve.worker import Workers
from infmap.web.observe import log_to_stderr
from infmap.web.serving import BACKLOG, Listen, run, server_of
from infmap.web.sessions import TrustedProxies
from infmap.workflows.predict import workers_for

# Seconds that films under way may take at the end; they are handed back after it.
GRACE = 10.0


@dataclass(frozen=True)
class ServerSettings:
    """How films are served.

    Attributes:
        models: name to model folder; the first is the default.
        folder: of the server; made where there is none.
        database: ``postgresql://...``; SQLite in the folder by default.
        listen: address and TLS.
        processes: that read films; None for as many as cores, at most eight.
        trusted: addresses and networks of reverse proxies, which speak TLS.
        keys: a key is asked for on this machine as well.
        largest: bytes of one upload.
        per_second: requests of one key, in the long run.
        keep: days after which films that no job has named since are deleted; None for never.
    """

    models: Mapping[str, Path]
    folder: Path = Path("infmap-server")
    database: str | None = None
    listen: Listen = Listen()
    processes: int | None = None
    trusted: tuple[str, ...] = ()
    keys: bool = False
    largest: int = LARGEST
    per_second: float = 100.0
    keep: float | None = None

    @property
    def readers(self) -> int:
        """Processes that read films."""
        return self.processes or workers_for()


def serve(settings: ServerSettings, say: Callable[[str], None]) -> None:
    """Serve until a signal ends it; answers under way are finished, films are finished or kept.

    Args:
        settings: how.
        say: prints one line.

    Raises:
        UsageError: an address, certificate or database does not do, or other machines would reach
            the server and there is no key.
        ModelError: a model folder is missing or damaged.
    """
    proxies = TrustedProxies.of("", settings.trusted)
    listen = settings.listen
    listen.check(proxies)
    manifests = {name: read_deployable(folder) for name, folder in settings.models.items()}
    with listen.bound() as listening:
        store = Store.open(settings.folder, settings.database)
        try:
            # A proxy on this machine speaks for others: they are asked for their keys.
            is_open = listen.local and not proxies.networks and not settings.keys
            check_keys(store, is_open=is_open)
            log_to_stderr()
            notices = Notices()
            workers = Workers(
                settings.folder, settings.database, settings.models, settings.readers,
                changed=notices.changed, manifests=manifests,
            )  # fmt: skip
            app = create_app(
                store, manifests, workers, notices,
                AppSettings(proxies, Limits(settings.per_second), is_open, settings.largest),
            )  # fmt: skip
            workers.start()
            housekeeping = Housekeeping(store, settings.keep)
            housekeeping.start()
            try:
                listening.listen(BACKLOG)  # who follows the address at once waits
                say(f"infmap, research use only: {listen.address(listening)}")
                run(server_of(app, listen, notices.stop), listening)
            finally:
                housekeeping.stop()
                workers.stop(GRACE)
        finally:
            store.close()


def check_keys(store: Store, *, is_open: bool) -> None:
    """Refuse to serve where keys are asked for and there is none.

    Raises:
        UsageError: so it is.
    """
    with store.read() as c:
        usable = any(not key.disabled for key in keys.every(c))
    if not is_open and not usable:
        raise UsageError(
            "nobody could ask this server: make a key with infmap serve key add NAME first"
        )
