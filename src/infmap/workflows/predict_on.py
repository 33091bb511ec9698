"""Films read by the shard: on threads of this machine, or by the processes of a Ray cluster.

Each worker reads some films as one machine does, writes their planes and one file with their lines
(see ``journal``), and the run's process takes the lines over. A film is counted once whatever is
killed: lines that were not taken over are read again or found again, and of two lines the last one
holds. Output folder, films and models lie at the same paths on all machines.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.compute.tasks import Ended, on_ray, on_threads
from infmap.core.errors import UsageError
from infmap.inference import Predictor, predict_many
from infmap.report import FilmRow, ThumbStore
from infmap.report.lines import PredictionLine
from infmap.workflows.film_work import FilmWork, Run
from infmap.workflows.journal import TOKEN, Journal, shard_of, write_shard
from infmap.workflows.record import Settings
from infmap.workflows.resume import Film, State, state_of

if TYPE_CHECKING:
    from infmap.api import Model

SHARD = 32
"""Films: some seconds of one processor, so that little is lost with a worker and none waits for the
run's process; lines of 2 kB each."""
LOST = "expected a film, got one at which the worker's process ended, twice; look at it by itself"
"""Reason of a film that took its worker down two times: memory, or an error of a decoder."""


@dataclass(frozen=True)
class ModelChoice:
    """A model as the user chose it, loaded by each process that reads.

    Attributes:
        name: folder or name; None for the shipped one.
        runtime: "openvino" or "onnxruntime".
        device: of the runtime.
        threshold: instead of the model's; None for that.
    """

    name: str | None = None
    runtime: str = "openvino"
    device: str = "auto"
    threshold: float | None = None


@dataclass(frozen=True)
class Shard:
    """Films that are read together.

    Attributes:
        films: in input order.
        lost: workers that were lost over it.
    """

    films: tuple[Film, ...]
    lost: int = 0


@dataclass(frozen=True)
class ShardWork:
    """What a worker does: called with a shard, it returns when all of it is on the disk.

    Attributes:
        run: how films are read.
        token: of the run.
        choice: the model.
        settings: of the run; a worker of other ones refuses.
        folder: that relative paths of films start from.
    """

    run: Run
    token: str
    choice: ModelChoice
    settings: Settings
    folder: str = ""

    def __call__(self, shard: Shard) -> str:
        """Read the films of a shard, by a model that this process loads once.

        Returns:
            Name of the shard's file.

        Raises:
            UsageError: this machine has another version or model, or the disk is full.
        """
        return self.read(_loaded(self.choice), shard)

    def read(self, model: Model, shard: Shard) -> str:
        """The same with a loaded model."""
        mine = Settings.of(model)
        for name, here, there in mine.differences(self.settings):
            raise UsageError(
                f"a worker has {name} {here}, expected {there}: install the same infmap and model "
                "on all machines"
            )
        path = shard_of(self.run.out, self.token, shard.films)
        if not path.exists():  # or a worker that was given up had finished it
            states: dict[str, State | None] = {}

            def look(film: Film) -> None:
                states[film.id] = state_of(film.path)

            work = FilmWork(self.run, model.name, ThumbStore(self.run.out), look, self.folder)
            rows = predict_many(
                model.predictor,
                shard.films,
                work.read,
                work.finish,
                batch_size=self.run.batch_size,
                doubt=self.run.doubt,
            )
            write_shard(path, list(rows), states.items())
        return path.name


@cache
def _loaded(choice: ModelChoice) -> Model:
    from infmap.api import Model, model_folder

    # One core: a task of the cluster takes no more.
    predictor = Predictor(
        model_folder(choice.name),
        runtime=choice.runtime,
        device=choice.device,
        threshold=choice.threshold,
        threads=1,
    )
    return Model(predictor)


@dataclass
class Sharded:
    """Reads films by the shard; see ``predict.Place``.

    Attributes:
        on: "local", "ray" or "ray://HOST:PORT".
        choice: the model that workers load.
        size: most films of a shard.
        token: of the run.
    """

    on: str
    choice: ModelChoice
    size: int = SHARD
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        if self.on not in ("local", "ray") and not self.on.startswith("ray://"):
            raise UsageError(f"--on: expected local, ray or ray://HOST:PORT, got {self.on!r}")

    def begin(self, out: Path) -> Mapping[str, object]:
        """See ``Place``."""
        return {"on": self.on, TOKEN: self.token}

    def read(
        self, model: Model, run: Run, films: Sequence[Film], journal: Journal
    ) -> Generator[PredictionLine, None, None]:
        """See ``Place``."""
        # Workers have other folders than this process.
        run = replace(run, out=run.out.absolute(), notes={})
        work = ShardWork(run, self.token, self.choice, Settings.of(model), os.getcwd())
        queue = _Queue(films, self.size)
        with closing(self._tasks(model, work, queue)) as tasks:
            for ended in tasks:
                if ended.result is None:
                    for film in queue.lost(ended.item):
                        yield journal.write(FilmRow.failed(film.id, film.path, LOST))
                else:
                    yield from journal.take(shard_of(run.out, self.token, ended.item.films))

    def _tasks(
        self, model: Model, work: ShardWork, queue: _Queue
    ) -> Generator[Ended[Shard, str], None, None]:
        if self.on == "local":
            return on_threads(lambda s: work.read(model, s), queue.next, work.run.workers)
        return on_ray(self.on, "infmap predict", work, queue.next)


class _Queue:
    """Shards that are to be read; those whose worker was lost come again."""

    def __init__(self, films: Sequence[Film], size: int) -> None:
        self._films, self._size, self._start = films, size, 0
        self._again: deque[Shard] = deque()

    def next(self) -> Shard | None:
        if self._again:
            return self._again.popleft()
        part = self._films[self._start : self._start + self._size]
        self._start += len(part)
        return Shard(tuple(part)) if part else None

    def lost(self, shard: Shard) -> Sequence[Film]:
        """Put the films of a lost worker back; those given up are returned.

        The first time the whole shard is read again, as the fault may be the machine's; then each
        film by itself, so that one that takes its worker down takes no others with it.
        """
        if len(shard.films) > 1 and shard.lost:
            self._again.extend(Shard((film,)) for film in shard.films)
        elif not shard.lost:
            self._again.append(replace(shard, lost=1))
        else:
            return shard.films
        return ()
