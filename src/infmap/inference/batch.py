"""Many films: every worker takes a few from decoding to writing, in bounded memory, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import numpy as np

from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import Prediction, Radiograph
from infmap.inference.predictor import Predictor, Prepared

Item = TypeVar("Item")
Result = TypeVar("Result")
# Chosen by hand: about two films of a flat detector (3,000 x 3,600), 80 MB as float32.
PIXELS_AT_ONCE = 20_000_000
"""Film pixels from which a worker's films go to the network before the batch is full."""


def predict_many(
    predictor: Predictor,
    items: Iterable[Item],
    read: Callable[[Item], Radiograph],
    finish: Callable[[Item, Prediction | FilmError], Result],
    *,
    batch_size: int = 4,
    workers: int = 1,
    doubt: bool = False,
) -> Iterator[Result]:
    """Assess films as a stream.

    A worker decodes, runs the network on, assesses and finishes its own films, one core's work, so
    that workers wait neither for each other nor for the network. Load the predictor with as many
    ``parallel`` batches as there are workers.

    Args:
        predictor: the loaded model.
        items: inputs, in the order wanted.
        read: input to radiograph, on a worker thread; raises ``FilmError`` where it cannot.
        finish: what to do with the answer, on a worker thread: write it, and return what is to be
            kept of it.
        batch_size: most films to the network at once, for each worker.
        workers: threads.
        doubt: read each film mirrored as well, for ``Prediction.doubt``.

    Yields:
        What ``finish`` returned, one an input, in input order. A worker holds one batch of films
        in memory at most, and of large films fewer.
    """

    def load(item: Item) -> Prepared | FilmError:
        try:
            return predictor.prepare(read(item))
        except FilmError as error:
            return error
        except MemoryError:
            return UnreadableFilm("too large for this machine's memory: reduce the film first")

    def work(batch: list[Item]) -> list[Result]:
        results: list[Result] = []
        held: list[tuple[Item, Prepared | FilmError]] = []
        pixels = 0
        for item in batch:
            film = load(item)
            held.append((item, film))
            pixels += _pixels(film)
            if pixels >= PIXELS_AT_ONCE:
                results += conclude(held)
                held, pixels = [], 0
        return results + conclude(held)

    def conclude(held: list[tuple[Item, Prepared | FilmError]]) -> list[Result]:
        start = time.perf_counter()
        planes = [film.plane for _, film in held if isinstance(film, Prepared)]
        outputs = zip(*predictor.run(np.stack(planes)), strict=True) if planes else iter(())
        spent = (time.perf_counter() - start) / max(1, len(planes))
        results = []
        for item, film in held:
            answer: Prediction | FilmError
            if isinstance(film, FilmError):
                answer = film
            else:
                start = time.perf_counter()
                try:
                    answer = predictor.postprocess(film, *next(outputs))
                    if doubt:
                        answer = predictor.with_doubt(film, answer)
                    seconds = spent + time.perf_counter() - start
                    answer = replace(answer, seconds=seconds)
                except FilmError as error:
                    answer = error
            results.append(finish(item, answer))
        return results

    source = iter(items)
    running: deque[Future[list[Result]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="film")
    try:
        while batch := list(islice(source, batch_size)):
            running.append(pool.submit(work, batch))
            # One batch more than workers is in flight: enough to keep them busy, and the input is
            # read no faster than answers are taken.
            if len(running) > workers:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        # The caller may stop half way; films that no caller waits for are not assessed.
        pool.shutdown(cancel_futures=True)


def _pixels(film: Prepared | FilmError) -> int:
    """Pixels that a film holds in memory; a rejected one has them for a person to look at."""
    held = getattr(film, "radiograph", None)
    return 0 if held is None else int(held.pixels.size)
