"""Measuring films on a Ray cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence

from infmap.catalog.measure import Item, Measured, measure
from infmap.compute.cluster import join_cluster


def measure_on(on: str, chunks: Iterable[Sequence[Item]]) -> Iterator[Measured]:
    """Measure films with Ray Data, on any number of machines that see the sources' folders.

    Args:
        on: as in ``join_cluster``.
        chunks: films by the task.

    Yields:
        what came of one task's films; tasks in no order.
    """
    ray, joined = join_cluster(on, "infmap catalog ingest", "ray.data")
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        tasks = ray.data.from_items([{"chunk": pickle.dumps(chunk)} for chunk in chunks])
        for row in tasks.map(_task).iter_rows():
            yield pickle.loads(row["measured"])
    finally:
        if joined:
            ray.shutdown()


def _task(row: dict[str, bytes]) -> dict[str, bytes]:
    return {"measured": pickle.dumps(measure(pickle.loads(row["chunk"])))}
