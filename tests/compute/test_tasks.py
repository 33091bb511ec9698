"""Tests of `infmap.compute.tasks`; a cluster of two nodes: tests/workflows/test_predict_on.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from infmap.compute.tasks import AHEAD, Ended, on_ray, on_threads
from infmap.core.errors import UsageError


def source_of(items: list[int]) -> Callable[[], int | None]:
    return lambda: items.pop(0) if items else None


def test_threads_work_on_all_and_little_waits() -> None:
    waiting = list(range(20))
    least: list[int] = []

    def work(item: int) -> int:
        least.append(len(waiting))
        return item * item

    ended = list(on_threads(work, source_of(waiting), 2))
    assert {e.item: e.result for e in ended} == {n: n * n for n in range(20)}
    # When the first item began, no more were handed out than may be in flight.
    assert least[0] >= 20 - 2 * AHEAD


def test_a_task_that_ended_may_give_more_to_do() -> None:
    items = [1]
    seen = []
    for ended in on_threads(lambda n: n, source_of(items), 1):
        seen.append(ended.item)
        if ended.item < 4:
            items.append(ended.item + 1)
    assert seen == [1, 2, 3, 4]


def test_an_error_ends_all_and_what_has_not_begun_is_not_done() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            raise UsageError("full")
        done.append(item)
        return item

    tasks = on_threads(work, source_of(list(range(50))), 1)
    with pytest.raises(UsageError, match="full"):
        next(tasks)
    # The second was handed out, and may have begun by then; no other was.
    assert done in ([], [1])


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class FakeRay:
    """Runs a task when it is asked for; what was cancelled or is in flight can be counted."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self) -> None:
        self.cancelled: list[object] = []
        self.most = self.flying = 0
        self.shut = False

    def is_initialized(self) -> bool:
        return False

    def init(self, **options: Any) -> None:
        pass

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def put(self, value: Any) -> Any:
        return value

    def remote(self, **options: Any) -> Callable[..., Any]:
        assert options["max_retries"] == 0
        return lambda call: SimpleNamespace(remote=lambda *a: self._start(call, a))

    def _start(self, call: Any, arguments: Any) -> object:
        self.flying += 1
        self.most = max(self.most, self.flying)
        return (call, arguments)

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def get(self, reference: Any) -> Any:
        self.flying -= 1
        call, arguments = reference
        try:
            return call(*arguments)
        except SystemExit:
            raise RayError("the worker died") from None
        except Exception as error:
            raise RayTaskError(error) from error

    def cancel(self, reference: Any, force: bool) -> None:
        self.cancelled.append(reference)

    def shutdown(self) -> None:
        self.shut = True


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def test_lost_workers_are_reported_and_few_tasks_are_in_flight(ray: FakeRay) -> None:
    def work(item: int) -> int:
        if item == 3:
            sys.exit()
        return -item

    ended = list(on_ray("ray", "infmap predict", work, source_of(list(range(9)))))
    assert Ended(3, None) in ended
    assert {e.item: e.result for e in ended} == {n: None if n == 3 else -n for n in range(9)}
    assert ray.most == 2 * AHEAD and ray.shut and not ray.cancelled


def test_an_error_of_our_own_is_raised_as_itself_and_the_rest_cancelled(ray: FakeRay) -> None:
    def work(item: int) -> int:
        raise UsageError("disk full") if item == 1 else ValueError("odd")

    with pytest.raises(UsageError, match="disk full"):
        list(on_ray("ray", "infmap predict", work, source_of([1, 2, 3])))
    assert len(ray.cancelled) == 2 and ray.shut
    with pytest.raises(RayTaskError, match="odd"):
        list(on_ray("ray", "infmap predict", work, source_of([2])))
