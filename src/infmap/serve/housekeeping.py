"""What a server does about its folder while nobody asks: old films go, and what a crash left.

A crash may leave files without a row, which nobody can see, and a disk may lose files whose rows
stay. Both are looked for at the start and every hour.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError

from infmap.serve import days, deleting, items, results, uploads
from infmap.serve.deleting import LOG, Deleted
from infmap.serve.schema import items as item_table
from infmap.serve.schema import results as result_table
from infmap.serve.schema import uploads as upload_table
from infmap.serve.store import Store
from infmap.web.database import now, portions

EVERY = 3600.0
"""Seconds between rounds; films are kept for days."""
YOUNG = 3600.0
"""Seconds for which a file may wait for its row: that of an upload is written right after it."""
GRACE = 10.0
"""Seconds that a round gets to end when the server is stopped."""
GONE = "its result is gone from the disk; send it again"


class Housekeeping:
    """Keeps a server's folder in order, in a thread.

    Args:
        store: the open server; closed after ``stop`` alone.
        keep: days after which films that no job names are deleted; None for never.
    """

    def __init__(self, store: Store, keep: float | None) -> None:
        self._store, self._keep = store, keep
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin, at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, soon: what is cut off then is done at the next start."""
        self._stop.set()
        self._thread.join(GRACE)

    def _run(self) -> None:
        while True:
            try:
                with self._store.begin() as c:
                    days.note(c, now())
                tidy(self._store)
                if self._keep is not None:
                    while expire(self._store, self._keep) and not self._stop.is_set():
                        pass
            except (OSError, OperationalError) as error:  # the next round tries again
                LOG.error("housekeeping: %s; goes on in an hour", type(error).__name__)
            if self._stop.wait(EVERY):
                return


def expire(store: Store, keep: float) -> bool:
    """Delete some films that no job has named since; see ``deleting.aged``.

    Args:
        store: an open server.
        keep: days for which they are kept.

    Returns:
        There were some; there may be more.

    Raises:
        OperationalError: the database does not answer.
    """
    with store.begin() as c:
        before = now() - round(keep * days.DAY_MS)
        deleted = deleting.aged(c, before, days.recent(c, keep))
    if deleted:
        deleting.audit("age", deleted)
        deleting.discard(store, deleted)
    return bool(deleted)


def tidy(store: Store, young: float = YOUNG) -> None:
    """Remove files without a row and rows without a file.

    Args:
        store: an open server.
        young: seconds; younger files wait for their row.

    Raises:
        OperationalError: the database does not answer.
        OSError: the folder cannot be written, or its disk was taken away: nothing is believed to be
            gone then.
    """
    store.check()
    for some in portions(_old(store.uploads, young)):
        with store.read() as c:
            lost = set(some) - uploads.known(c, some)
        deleting.discard(store, Deleted(films=frozenset(lost)))
    r, u, i = result_table, upload_table, item_table
    for some in portions(_old(store.results, young)):
        with store.read() as c:
            lost = set(some) - results.known(c, some)
        deleting.discard(store, Deleted(results=frozenset(lost)))
    with store.read() as c:
        digests = list(c.execute(select(u.c.sha256)).scalars())
        read = list(c.execute(select(r.c.film_id).where(r.c.status == "ok")).scalars())
    digests, read = _without_bytes(store, digests), _without_folder(store, read)
    with store.begin() as c:
        store.check()  # taken away since the first look
        # Looked for again: one may have been deleted and have come again since the first look.
        for some in portions(_without_bytes(store, digests)):
            # Without its row a film is asked for when it is named again.
            c.execute(delete(u).where(u.c.sha256.in_(some)))
        for some in portions(_without_folder(store, read)):
            c.execute(delete(r).where(r.c.film_id.in_(some)))
            failed = {"state": "failed", "status": "failed", "reason": GONE, "film_id": None}
            c.execute(update(i).where(i.c.film_id.in_(some)).values(failed))
        items.lost(c)


def _without_bytes(store: Store, digests: list[str]) -> list[str]:
    return [digest for digest in digests if not uploads.path(store, digest).is_file()]


def _without_folder(store: Store, films: list[str]) -> list[str]:
    return [film for film in films if not results.folder(store, film).is_dir()]


def _old(folder: Path, young: float) -> Iterator[str]:
    """Names two levels down, as films and results lie, that are not young."""
    newest = time.time() - young
    for path in folder.glob("[!.]*/*"):
        try:
            # A clock that was put back makes files look young, never old.
            if path.stat().st_mtime < newest:
                yield path.name
        except FileNotFoundError:  # deleted meanwhile
            continue
