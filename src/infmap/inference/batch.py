"""Many films: decoding, the network and the writing overlap, in bounded memory, in input order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import Prediction, Radiograph
from infmap.inference.predictor import Predictor, Prepared

Item = TypeVar("Item")
PIXELS_AT_ONCE = 60_000_000
"""Film pixels that may wait for the network together."""


@dataclass(frozen=True, eq=False)
class Outcome(Generic[Item]):
    """What became of one input."""

    item: Item
    result: Prediction | FilmError


def predict_many(
    predictor: Predictor,
    items: Iterable[Item],
    read: Callable[[Item], Radiograph],
    *,
    batch_size: int = 8,
    workers: int | None = None,
) -> Iterator[Outcome[Item]]:
    """Judge films one after the other as a stream.

    Args:
        predictor: the loaded model.
        items: inputs, in the order wanted.
        read: input to radiograph; raises ``FilmError`` where it cannot.
        batch_size: most films to the network at once.
        workers: decoding threads; by default one a processor, at most four.

    Yields:
        One outcome an input, in input order. At most two batches of films are in memory.
    """

    def load(item: Item) -> Prepared | FilmError:
        try:
            return predictor.prepare(read(item))
        except FilmError as error:
            return error
        except MemoryError:
            return UnreadableFilm("too large for this machine's memory: reduce the film first")

    count = workers or min(4, os.cpu_count() or 1)
    source = iter(items)
    pending: deque[tuple[Item, Future[Prepared | FilmError]]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="decode") as pool:

        def fill() -> None:
            for item in islice(source, max(0, batch_size + count - len(pending))):
                pending.append((item, pool.submit(load, item)))

        fill()
        while pending:
            batch: list[tuple[Item, Prepared | FilmError]] = []
            pixels = 0
            while pending and len(batch) < batch_size and pixels < PIXELS_AT_ONCE:
                item, future = pending.popleft()
                film = future.result()
                batch.append((item, film))
                if isinstance(film, Prepared):
                    pixels += film.radiograph.pixels.size
            fill()
            yield from _judge(predictor, batch)


def _judge(
    predictor: Predictor, batch: list[tuple[Item, Prepared | FilmError]]
) -> Iterator[Outcome[Item]]:
    films = [film for _, film in batch if isinstance(film, Prepared)]
    results = iter(predictor.predict_batch(films) if films else [])
    for item, film in batch:
        yield Outcome(item, film if isinstance(film, FilmError) else next(results))
