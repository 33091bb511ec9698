"""Tasks on threads of this process or on a Ray cluster, few at a time, results as they come."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from infmap.compute.cluster import join_cluster
from infmap.core.errors import InfmapError

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 2
"""Tasks a processor that are handed out: one runs, one waits, so that no worker waits for this
process, and what is in flight stays bounded whatever there is to do."""


@dataclass(frozen=True)
class Ended(Generic[Item, Result]):
    """A task that ended.

    Attributes:
        item: what it worked on.
        result: what it returned; None where its process or its machine was lost.
    """

    item: Item
    result: Result | None


Source = Callable[[], Item | None]
"""The next item, or None where there is none now; asked again after each task that ended, which
may have given more to do."""


def on_threads(
    work: Callable[[Item], Result], source: Source[Item], workers: int
) -> Generator[Ended[Item, Result], None, None]:
    """Work on threads.

    Args:
        work: called with each item.
        source: of items.
        workers: threads.

    Yields:
        Tasks as they end. An error of one ends them all.
    """
    running: dict[Future[Result], Item] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="task")
    try:
        while True:
            while len(running) < AHEAD * workers and (item := source()) is not None:
                running[pool.submit(work, item)] = item
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for task in done:
                yield Ended(running.pop(task), task.result())
    finally:
        # Whoever stops half way does not wait for what has not begun.
        pool.shutdown(cancel_futures=True)


def on_ray(
    on: str, verb: str, work: Callable[[Item], Result], source: Source[Item]
) -> Generator[Ended[Item, Result], None, None]:
    """Work on a Ray cluster, one processor a task; machines may come and go meanwhile.

    Args:
        on: as in ``join_cluster``.
        verb: for messages.
        work: called with each item, in worker processes; it can be pickled, and so can items.
        source: of items.

    Yields:
        Tasks as they end, also those whose process or machine was lost.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: no cluster answers.
        InfmapError: what a task raised.
    """
    ray, joined = join_cluster(on, verb)
    # No retry by Ray: it would repeat a task that kills its process, again and again.
    task = ray.remote(max_retries=0, num_cpus=1)(_call)
    running: dict[object, Item] = {}
    try:
        shared = ray.put(work)
        while True:
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < most and (item := source()) is not None:
                running[task.remote(shared, item)] = item
            if not running:
                return
            ready, _ = ray.wait(list(running), num_returns=1)
            for reference in ready:
                item = running.pop(reference)
                try:
                    yield Ended(item, ray.get(reference))
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, InfmapError):
                        raise error.cause from None
                    raise
                except ray.exceptions.RayError:
                    yield Ended(item, None)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if joined:
            ray.shutdown()


def _call(work: Callable[[Item], Result], item: Item) -> Result:
    return work(item)
