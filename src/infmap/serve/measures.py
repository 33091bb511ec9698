"""What Prometheus is told besides requests: the queue, the results, and who reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from infmap.serve import items, schema
from infmap.serve.callers import Desk


class QueueMeasures(Collector):
    """Counted when they are asked for: whoever watches a queue that stands still sees it.

    Args:
        desk: the application's state.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is counted when it is registered: there may be no database yet."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Items by state, results by status, processes and clients that wait."""
        r = schema.results
        with self.desk.store.read() as c:
            queued = items.queue(c)
            query = select(r.c.status, func.count()).group_by(r.c.status)
            kept = c.execute(select(func.count(), func.sum(schema.uploads.c.size))).one()
            read = {row[0]: int(row[1]) for row in c.execute(query)}
        yield _family("infmap_serve_items", "Films in the queue.", "state", queued)
        yield _family("infmap_serve_results", "Results by status.", "status", read)
        films, size = int(kept[0]), int(kept[1] or 0)
        yield GaugeMetricFamily("infmap_serve_kept_films", "Films kept, as received.", films)
        yield GaugeMetricFamily("infmap_serve_kept_bytes", "Bytes of the films kept.", size)
        workers = self.desk.working.alive
        yield GaugeMetricFamily("infmap_serve_workers", "Processes that read films.", workers)
        waiting = len(self.desk.notices)
        yield GaugeMetricFamily("infmap_serve_followers", "Clients that wait.", waiting)


def _family(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
