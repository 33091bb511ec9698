"""Many films: decoding, the network and the writing overlap, in bounded memory, in input order."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import Prediction, Radiograph
from infmap.inference.predictor import Predictor, Prepared

Item = TypeVar("Item")
Result = TypeVar("Result")
Float32 = NDArray[np.float32]
PIXELS_AT_ONCE = 20_000_000
"""Film pixels from which a batch goes to the network before it is full."""


def predict_many(
    predictor: Predictor,
    items: Iterable[Item],
    read: Callable[[Item], Radiograph],
    finish: Callable[[Item, Prediction | FilmError], Result],
    *,
    batch_size: int = 8,
    workers: int | None = None,
) -> Iterator[Result]:
    """Judge films one after the other as a stream.

    Args:
        predictor: the loaded model.
        items: inputs, in the order wanted.
        read: input to radiograph, on a worker thread; raises ``FilmError`` where it cannot.
        finish: what to do with the answer, on a worker thread: write it, and return what is to be
            kept of it, so that the planes of a film need not wait for the films before it.
        batch_size: most films to the network at once.
        workers: threads that decode, judge and finish; by default one a processor, at most four.

    Yields:
        What ``finish`` returned, one an input, in input order. Two batches of films are in memory
        at most, and of large films fewer.
    """

    def load(item: Item) -> Prepared | FilmError:
        try:
            return predictor.prepare(read(item))
        except FilmError as error:
            return error
        except MemoryError:
            return UnreadableFilm("too large for this machine's memory: reduce the film first")

    def conclude(
        item: Item, film: Prepared, maps: Float32, logits: Float32, spent: float
    ) -> Result:
        start = time.perf_counter()
        try:
            prediction = predictor.judge(film, maps, logits)
        except FilmError as error:
            return finish(item, error)
        seconds = spent + time.perf_counter() - start
        return finish(item, replace(prediction, seconds=seconds))

    count = workers or min(4, os.cpu_count() or 1)
    source = iter(items)
    loading: deque[tuple[Item, Future[Prepared | FilmError]]] = deque()
    finishing: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="film") as pool:
        while True:
            for item in islice(source, max(0, batch_size + count - len(loading))):
                loading.append((item, pool.submit(load, item)))
            if not loading:
                break
            batch = _next_batch(loading, batch_size)
            films = [film for _, film in batch if isinstance(film, Prepared)]
            start = time.perf_counter()
            outputs = iter(_run(predictor, films))
            spent = (time.perf_counter() - start) / max(1, len(films))
            while finishing:
                yield finishing.popleft().result()
            for item, film in batch:
                if isinstance(film, FilmError):
                    finishing.append(pool.submit(finish, item, film))
                else:
                    finishing.append(pool.submit(conclude, item, film, *next(outputs), spent))
        while finishing:
            yield finishing.popleft().result()


def _next_batch(
    loading: deque[tuple[Item, Future[Prepared | FilmError]]], batch_size: int
) -> list[tuple[Item, Prepared | FilmError]]:
    batch: list[tuple[Item, Prepared | FilmError]] = []
    pixels = 0
    while loading and len(batch) < batch_size and pixels < PIXELS_AT_ONCE:
        item, future = loading.popleft()
        film = future.result()
        batch.append((item, film))
        if isinstance(film, Prepared):
            pixels += film.radiograph.pixels.size
    return batch


def _run(predictor: Predictor, films: list[Prepared]) -> Iterable[tuple[Float32, Float32]]:
    if not films:
        return []
    return zip(*predictor.run(np.stack([film.plane for film in films])), strict=True)
