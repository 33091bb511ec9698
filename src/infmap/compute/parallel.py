"""Work on several films at a time, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from infmap.compute.processes import begin_worker
from infmap.core.errors import needs_extra

Item = TypeVar("Item")
Result = TypeVar("Result")
IDLE = 10
"""Seconds that a worker process waits for more: as long as a pack's next shard takes to begin."""

_UNSAID = "ignore:resource_tracker"


def spread(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, processes: bool = True
) -> Iterator[Result]:
    """Results as they come, in no order; few items wait at a time.

    Worker processes end with this one, however it ends, and soon after their last item.

    Args:
        work: what to do with an item.
        items: what to work on.
        workers: how many at a time; one works here.
        processes: for work that holds Python's lock; threads start sooner.

    Raises:
        MissingExtra: joblib is not installed.
    """
    with needs_extra("the catalog", "catalog"):
        from joblib import Parallel, delayed
    # loky starts processes without the caller's main module, and none is forked beside threads.
    options: dict[str, object] = {"backend": "threading"}
    if processes and workers > 1:
        options = {"backend": "loky", "idle_worker_timeout": IDLE}
        options |= {"initializer": begin_worker, "initargs": (os.getpid(),)}
        _hush()
    # Four tasks a worker are read ahead: none waits, and memory stays bounded.
    pool = Parallel(workers, return_as="generator_unordered", pre_dispatch="4*n_jobs", **options)
    yield from pool(delayed(work)(item) for item in items)


def _hush() -> None:
    """Keep joblib's watcher from listing on stderr what a killed process left, and it removed."""
    said = os.environ.get("PYTHONWARNINGS", "")
    if _UNSAID not in said:
        os.environ["PYTHONWARNINGS"] = f"{said},{_UNSAID}".lstrip(",")
