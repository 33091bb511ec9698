"""Tests of `infmap.compute.cluster`."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from infmap.compute.cluster import PATIENCE, join_cluster, require_ray
from infmap.core.errors import MissingExtra, UsageError


def ray_that(monkeypatch: pytest.MonkeyPatch, *, joined: bool, fails: Exception | None) -> Any:
    """Stands in for Ray: what it was called with lies in ``calls``."""
    calls: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        calls.append(options)
        if fails:
            raise fails

    ray = SimpleNamespace(is_initialized=lambda: joined, init=init, calls=calls)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return ray


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"infmap train --on ray .*infmap\[scale\]"):
        require_ray("infmap train")


def test_no_statistics_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_that(monkeypatch, joined=True, fails=None)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    require_ray("infmap train")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_who_is_in_a_cluster_already_does_not_join_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ray_that(monkeypatch, joined=True, fails=None)
    assert join_cluster("ray", "infmap train") == (ray, False)
    assert ray.calls == []


def test_a_cluster_of_ones_own_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = ray_that(monkeypatch, joined=False, fails=None)
    assert join_cluster("ray", "infmap train") == (ray, True)
    assert ray.calls[0]["_node_ip_address"] == "127.0.0.1"
    assert ray.calls[0]["include_dashboard"] is False


def test_a_node_that_a_busy_machine_gives_no_time_is_not_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray_that(monkeypatch, joined=False, fails=None)
    own, *others = PATIENCE
    for name in others:
        monkeypatch.setenv(name, "")  # noted, so that it is unset again
        monkeypatch.delenv(name)
    monkeypatch.setenv(own, "7")  # who started the run has the last word
    join_cluster("ray", "infmap predict")
    assert os.environ[own] == "7"
    assert all(os.environ[name] == PATIENCE[name] for name in others)


def test_a_named_cluster_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ray_that(monkeypatch, joined=False, fails=None)
    join_cluster("ray://host:1", "infmap train")
    assert ray.calls[0]["address"] == "ray://host:1"
    assert "_node_ip_address" not in ray.calls[0]


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_that(monkeypatch, joined=False, fails=ConnectionError("no answer\nat all"))
    with pytest.raises(UsageError) as caught:
        join_cluster("ray://host:1", "infmap train")
    assert str(caught.value) == "--on ray://host:1: no Ray cluster answers (no answer)"
