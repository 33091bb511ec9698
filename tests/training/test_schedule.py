"""Tests of `infmap.training.schedule`."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from infmap.core.errors import UsageError
from infmap.training.schedule import Schedule

sys.path.insert(0, str(Path(__file__).parent))
from known import films_of  # noqa: E402
from small import small_config, small_films  # noqa: E402
from two_ranks import config, some_films  # noqa: E402


def test_a_plan_repeats_sources_as_asked_and_never_beyond():
    stages = [{"epochs": 1, "size": 64, "sources": {"a": 1.5}}]
    plan = Schedule(small_config(stages=stages, batch_size=6), small_films())
    seen = np.concatenate([plan.batch(step)[2] for step in range(plan.steps)])
    assert plan.steps == 3
    counts = np.bincount(seen, minlength=12)
    assert counts.min() == 1 and counts.max() == 2 and counts.sum() == 18


def test_a_stage_without_films_says_which_sources_are_missing():
    with pytest.raises(UsageError, match="nowhere"):
        Schedule(small_config(stages=[{"epochs": 1, "sources": {"nowhere": 1}}]), small_films())


@pytest.fixture(scope="module")
def films():
    return some_films()


def test_micro_batches_differ_and_are_replayed(films):
    plan = Schedule(config(), films)
    first, second, again = plan.batch(1, 0), plan.batch(1, 1), plan.batch(1, 0)
    assert np.array_equal(first[2], again[2])
    assert not set(first[2]) & set(second[2])
    draws = [torch.rand(1, generator=batch[3]).item() for batch in (first, second, again)]
    assert draws[0] == draws[2] != draws[1]
    one = Schedule(config(micro_batches=1), films)
    assert one.batch(3)[3].initial_seed() == second[3].initial_seed()


def test_films_are_drawn_by_source_and_class():
    sources = {"a/covid19": 2, "a/normal": 0.5, "a/unknown": 1}
    some = films_of([0] * 8 + [2] * 8 + [-1] * 6 + [-2] * 4)
    stages = [{"epochs": 1, "size": 64, "sources": sources}]
    schedule = Schedule(small_config(stages=stages, batch_size=1), some)
    seen = np.concatenate([schedule.batch(step)[2] for step in range(schedule.steps)])
    counts = np.bincount(seen, minlength=26)
    assert counts[:8].tolist() == [2] * 8
    assert counts[8:16].sum() == 4 and counts[8:16].max() == 1
    assert counts[16:].tolist() == [1] * 10


def test_of_several_sizes_each_micro_batch_has_one_and_it_is_replayed():
    stages = [{"epochs": 40, "size": [64, 96, 128], "sources": {"a": 1}}]
    settings = small_config(stages=stages, batch_size=6)
    plan, again = Schedule(settings, small_films()), Schedule(settings, small_films())
    sizes = [plan.batch(step)[1] for step in range(plan.steps)]
    assert sizes == [again.batch(step)[1] for step in range(plan.steps)]
    counts = [sizes.count(size) for size in (64, 96, 128)]
    assert sum(counts) == plan.steps == 80
    assert min(counts) > 10


def test_one_size_leaves_the_other_draws_as_they_are():
    """So that a run of an older configuration comes out as it did."""
    stages = [{"epochs": 1, "size": size, "sources": {"a": 1}} for size in (64, [64], [64, 96])]
    draws = [
        Schedule(small_config(stages=[stage]), small_films()).batch(0)[3].get_state()
        for stage in stages
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
