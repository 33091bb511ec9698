"""Work on several films at a time, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from infmap.core.errors import MissingExtra

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, processes: bool = True
) -> Iterator[Result]:
    """Results as they come, in no order; few items wait at a time.

    Args:
        work: what to do with an item.
        items: what to work on.
        workers: how many at a time; one works here.
        processes: for work that holds Python's lock; threads start sooner.

    Raises:
        MissingExtra: joblib is not installed.
    """
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise MissingExtra("the catalog", "train") from error
    # loky starts processes without the caller's main module, and none is forked beside threads.
    pool: Any = Parallel(
        workers,
        backend="loky" if processes and workers > 1 else "threading",
        return_as="generator_unordered",
        pre_dispatch="4*n_jobs",
    )
    yield from pool(delayed(work)(item) for item in items)
