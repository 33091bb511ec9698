"""Tests of `infmap.training.launch`."""

import sys
from pathlib import Path

import pytest

from infmap.core.errors import MissingExtra, UsageError
from infmap.training.launch import check_processes

sys.path.insert(0, str(Path(__file__).parent))
from two_ranks import config  # noqa: E402


@pytest.mark.parametrize("processes", [3, 4, 0])
def test_micro_batches_are_shared_evenly_or_refused(processes):
    with pytest.raises(UsageError, match="multiple of the processes"):
        check_processes(config(micro_batches=2), processes, "local")


def test_an_unknown_place_is_refused_and_a_missing_ray_named(monkeypatch):
    with pytest.raises(UsageError, match="local, ray"):
        check_processes(config(), 1, "moon")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"infmap\[scale\]"):
        check_processes(config(), 2, "ray")
