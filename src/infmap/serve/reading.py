"""The process that reads films: claims some, reads them as ``infmap predict`` does, commits.

It says on a pipe what it has claimed and ended, as JSON, and in shared memory which film it is at:
whoever started it knows that when it ends. Films come from anywhere: they are decoded here, with a
limit on memory, and compressed ones in decoder processes of their own.
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from infmap.compute.memory import limited_memory
from infmap.compute.processes import begin_worker
from infmap.core.errors import FilmError, UnreadableFilm, UsageError
from infmap.core.types import Prediction, Radiograph
from infmap.dicom import read_radiograph
from infmap.dicom.read import sniff
from infmap.inference import Predictor, predict_many
from infmap.serve import items, results, uploads
from infmap.serve.items import Claimed, Finishing
from infmap.serve.results import Result
from infmap.serve.store import Store
from infmap.serve.writing import Film, Header, Written, header_of, settle, write_result
from infmap.web.database import KEY, now
from infmap.web.observe import LOG, lose_quietly

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

BATCH = 4
"""Films to the network at once, as in ``infmap predict``."""
CLAIM = 4 * BATCH
"""Films claimed at once from a long queue: four batches share what the database costs."""
MEMORY = 2 << 30
"""Bytes that reading one film may take."""
LOOK_EVERY = 0.5
"""Seconds between looks into the queue where nobody wakes the process: items may come from another
server on the same database."""
COMMIT_TRIES = 5
"""Tries to commit a batch, a second apart: its films are read and need not be read again."""
ROOM = 128 << 20
"""Bytes of the disk that have to be free for films to be claimed: the planes of sixteen films of
3000 x 3000, which would be read in vain."""
PAUSE = 5.0
"""Seconds between looks into the queue while results cannot be kept."""
WAKE, STOP = b"wake", b"stop"

Finished = Callable[[Connection, Finishing], None]
"""Called with each film that ends, in the transaction that commits it; can be pickled."""


@dataclass(frozen=True)
class Work:
    """What a reading process is started with.

    Attributes:
        folder: of the server.
        url: of its database; None for SQLite in the folder.
        models: folders by name.
        owner: who its items belong to.
        processes: how many like it there are.
        threads: cores that the network may take.
        parent: process that it ends with.
        finished: see ``Finished``.
    """

    folder: Path
    url: str | None
    models: Mapping[str, Path]
    owner: str
    processes: int
    threads: int
    parent: int
    finished: Finished | None


class Progress:
    """The film that a process reads, seen by the process that minds it.

    In shared memory: a message a film would wake the minder, which answers requests meanwhile.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._item = context.RawArray("c", 64)  # identifiers have 22 letters
        self._since = context.RawValue("d", 0.0)

    def at(self, item: str | None) -> None:
        """Note the item whose film is read from now on; None between films."""
        self._since.value = 0.0
        self._item.value = (item or "").encode()
        if item is not None:
            # The monotonic clock is the machine's, the same for all its processes.
            self._since.value = time.monotonic()

    @property
    def item(self) -> str:
        """Identifier of the item whose film is read; "" between films."""
        return bytes(self._item.value).decode()

    @property
    def seconds(self) -> float:
        """For which this film has been read; 0 between films."""
        since = float(self._since.value)
        return time.monotonic() - since if since else 0.0


def main(work: Work, pipe: Pipe, progress: Progress) -> None:
    """Read films until told to stop: what a process does from beginning to end."""
    begin_worker(work.parent)
    lose_quietly()
    store = _connected(work, pipe)
    if store is None:
        return
    try:
        reader = Reader(
            work, store, lambda said: pipe.send_bytes(json.dumps(said).encode()), progress.at
        )
        reader.say({"state": "idle"})
        # The other end closes where whoever started this process has ended.
        with suppress(EOFError, BrokenPipeError):
            _until_stopped(reader, pipe)
    finally:
        store.close()


def _connected(work: Work, pipe: Pipe) -> Store | None:
    """The open server, as soon as its disk and database are there; None where told to stop."""
    while True:
        # Without its key the folder is another disk's, or gone: nothing is made there.
        with suppress(UsageError, OSError):
            if (work.folder / KEY).is_file():
                return Store.connect(work.folder, work.url)
        if pipe.poll(PAUSE) and pipe.recv_bytes() == STOP:
            return None


def _until_stopped(reader: Reader, pipe: Pipe) -> None:
    told: list[int] = []
    # A supervisor of services may send the signal to every process of the server at once: the batch
    # is ended all the same.
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    busy = False
    while not told:
        pause = PAUSE if reader.trouble else LOOK_EVERY
        while pipe.poll(0.0 if busy else pause):
            if pipe.recv_bytes() == STOP:
                return
            busy = True  # woken: there is something in the queue
        busy = reader.read_some()
        if not busy:
            reader.say({"state": "idle"})


class Reader:
    """The films of one process, batch by batch.

    Args:
        work: what it was started with.
        store: the open server.
        say: tells whoever started the process what it has claimed and ended.
        at: is told the item whose film is read, and None when it is.

    Attributes:
        trouble: why nothing is read just now: the disk or the database; None where all is well.
    """

    def __init__(
        self,
        work: Work,
        store: Store,
        say: Callable[[Mapping[str, object]], None],
        at: Callable[[str | None], None],
    ) -> None:
        # Loaded before the first film, whose time they would take otherwise.
        import infmap.dicom.cr
        import infmap.dicom.image  # noqa: F401

        self.work, self.store, self.say, self.at = work, store, say, at
        self.trouble: str | None = None
        self._owed: list[str] = []  # tokens of items that are to be queued again
        self._predictors = {
            name: Predictor(folder, threads=work.threads) for name, folder in work.models.items()
        }

    def read_some(self) -> bool:
        """Claim a batch and read it; returns whether there was one.

        Where the disk or the database is at fault, its films are queued again as soon as that can
        be noted, and it costs them nothing.
        """
        rest: list[Claimed] = []
        try:
            claimed, done, predictor = self._claimed()
            rest = [item for item in claimed if item not in done]
            if done:
                self._tell(done)
            if rest and predictor is not None:
                self.say({"state": "claimed", "items": [asdict(item) for item in rest]})
                self._read(rest, predictor)
                self._tell(rest)
            self.trouble = None
            return bool(claimed)
        except BrokenPipeError:  # who started this process has ended
            raise
        except (OSError, OperationalError) as error:
            self._owed += [item.token for item in rest]
            if rest:
                self._tell([])  # or the one who minds it would end this process, and blame a film
            self._hold_back(error)
            return False

    def _claimed(self) -> tuple[list[Claimed], list[Claimed], Predictor | None]:
        """Items off the queue, those of them that ended at once, and what reads the others."""
        self.store.check(ROOM)
        with self.store.begin() as c:
            if self._owed:
                items.give_back(c, self._owed)
            claimed = self._claim(c)
            predictor = self._predictor(claimed[0]) if claimed else None
            done = self._known(c, claimed, predictor) if predictor is not None else []
        self._owed.clear()
        return claimed, done, predictor

    def _hold_back(self, error: Exception) -> None:
        """Say once what is wrong; a film is not."""
        why = type(error).__name__
        if isinstance(error, OSError) and error.errno is not None:
            why = errno.errorcode.get(error.errno, why)
        if self.trouble != why:
            # A process without a log of its own writes the line to standard error.
            LOG.error(json.dumps({"level": "error", "reading": "held back", "error": why}))
        self.trouble = why

    def _tell(self, done: list[Claimed]) -> None:
        self.say({"state": "done", "jobs": sorted({item.job for item in done})})

    def _claim(self, c: Connection) -> list[Claimed]:
        # Few films are shared out between the processes, so that none waits for another's batch.
        waiting, at = items.waiting(c, CLAIM * self.work.processes), now()
        n = -(-waiting // self.work.processes)
        if not n:  # what a dead process had is found by the next look
            items.expire(c, at)
            return []
        return items.claim(c, self.work.owner, self.work.models.keys(), n, at)

    def _predictor(self, item: Claimed) -> Predictor:
        predictor = self._predictors[item.model]
        return predictor if item.threshold is None else predictor.at(item.threshold)

    def _known(self, c: Connection, claimed: list[Claimed], predictor: Predictor) -> list[Claimed]:
        """End items whose film got its result since they were queued."""
        digests = [item.sha256 for item in claimed]
        point = predictor.manifest.thresholds.infection
        named = claimed[0].threshold is not None
        have = {
            result.sha256: result
            for result in results.stored(c, digests, predictor.model_sha256, point, named)
            if result.status != "failed"
        }
        done = [item for item in claimed if item.sha256 in have]
        self._finish(c, [(item, have[item.sha256]) for item in done])
        return done

    def _finish(self, c: Connection, made: list[tuple[Claimed, Result]]) -> None:
        if made:
            for finishing in items.finish(c, made):
                if self.work.finished is not None:
                    self.work.finished(c, finishing)

    def _read(self, claimed: list[Claimed], predictor: Predictor) -> None:
        """Read films as ``infmap predict`` does, write their folders and commit all at once."""
        by_film: dict[str, list[Claimed]] = {}
        for item in claimed:
            by_film.setdefault(item.sha256, []).append(item)
        headers: dict[str, Header] = {}

        def read(sha256: str) -> Radiograph:
            def seen(dataset: Dataset) -> None:
                headers[sha256] = header_of(dataset)

            self.at(by_film[sha256][0].id)
            try:
                with limited_memory(MEMORY):
                    data = uploads.path(self.store, sha256).read_bytes()
                    # Of a DICOM file whose header cannot be read at all, that much is known.
                    headers[sha256] = Header(sniff(data) == "DICOM")
                    return read_radiograph(data, name="the film", seen=seen)
            except OSError as error:
                self.store.check()  # raises where the disk is at fault, not this file alone
                if not isinstance(error, FileNotFoundError):
                    raise UnreadableFilm("its bytes cannot be read from the disk") from error
                raise UnreadableFilm("its bytes are gone from the disk; send it again") from error
            except MemoryError as error:
                raise UnreadableFilm(
                    f"expected a film that is read in {MEMORY >> 30} GiB, got one that needs more; "
                    "shrink it"
                ) from error
            finally:
                self.at(None)

        def finish(sha256: str, answer: Prediction | FilmError) -> Written:
            film = Film(
                sha256,
                predictor.manifest.label,
                predictor.model_sha256,
                predictor.manifest.thresholds.infection,
                claimed[0].threshold is not None,
                headers.get(sha256, Header()),
            )
            return write_result(self.store, film, answer)

        made = list(predict_many(predictor, list(by_film), read, finish, batch_size=BATCH))
        settle(self.store, made)
        ended = [one.result for one in made]
        self.say({"state": "read through"})  # from here on it is the database that is waited for
        self._commit([(item, one) for one in ended for item in by_film[one.sha256]])

    def _is_there(self, result: Result) -> bool:
        """Whether a film's folder is; it was deleted, and the film sent again meanwhile, if not."""
        return result.status != "ok" or results.folder(self.store, result.film).is_dir()

    def _commit(self, made: list[tuple[Claimed, Result]]) -> None:
        for left in reversed(range(COMMIT_TRIES)):
            try:
                with self.store.begin() as c:
                    there: list[tuple[Claimed, Result]] = []
                    gone: list[str] = []
                    for item, result in made:
                        if self._is_there(result):
                            there.append((item, result))
                        else:
                            gone.append(item.token)
                    self._finish(c, there)
                    if gone:
                        items.give_back(c, gone)
                return
            except OperationalError:
                if not left:
                    raise
                time.sleep(1.0)  # the database restarts, or two transactions met
