"""The same run, by one process, by several on this machine, and on a Ray cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from infmap.core.errors import MissingExtra, ModelError, UsageError
from infmap.inference import Preprocessing
from infmap.training.batch_norm import BatchNormStats
from infmap.training.checkpoint import CHECKPOINT
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films, render_phantoms
from infmap.training.group import Alone
from infmap.training.launch import check_processes, launch
from infmap.training.loop import train
from infmap.training.schedule import Schedule
from infmap.training.start import starting_network

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def some_films():
    found = render_phantoms(16, Preprocessing(size=64))
    found.classes[:8] = np.arange(8) % 3
    return found


def first(films, n):
    arrays = (films.images, films.masks, films.known, films.classes)
    return Films(films.rows[:n], *(a[:n] for a in arrays))


@pytest.fixture(scope="module")
def films():
    return some_films()


@pytest.fixture(scope="module")
def val(films):
    return first(films, 2)


def config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 1, "size": 64, "sources": {"phantom": 1}}],
        "size": 64,
        "batch_size": 2,
        "micro_batches": 2,
        "precision": "float32",
        "validate_every": 1,
        "device": "cpu",
    }
    return TrainingConfig.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def expected(films, val, tmp_path_factory):
    """What one process makes of it."""
    records = []
    network = train(config(), films, val, tmp_path_factory.mktemp("alone"), records.append)
    return network.state_dict(), records


def assert_same(found, expected):
    for key, value in expected.items():
        assert torch.allclose(found[key].double(), value.double(), rtol=1e-4, atol=1e-6), key


def check(records, found, expected):
    """The same network to float noise, and the same log but for the speed."""
    state, log = expected
    assert_same(found, state)
    for record, other in zip(records, log, strict=True):
        assert {**record, "films_per_s": 0} == pytest.approx(
            {**other, "films_per_s": 0}, abs=2e-3, nan_ok=True
        )


def averaged(folder):
    return torch.load(folder / CHECKPOINT, weights_only=True)["average"]


def test_two_processes_make_the_same_network_as_one(films, val, expected, tmp_path):
    records = []
    launch(config(), films, val, tmp_path, records.append, 2, "local")
    check(records, averaged(tmp_path), expected)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    finished = train(config(), films, val, tmp_path, lambda _: pytest.fail("nothing is left"))
    assert_same(finished.state_dict(), expected[0])


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{source!r}, {tests!r}]
import test_distributed as here
if __name__ == "__main__":
    films = here.some_films()
    changes = {changes!r}
    here.launch(here.config(**changes), films, here.first(films, 2), Path({folder!r}),
                lambda record: None, 2, "local")
"""


def test_a_killed_run_of_two_processes_goes_on_to_the_same_network(films, val, expected, tmp_path):
    often = {"checkpoint_minutes": 1e-9, "patience": 3}
    script = tmp_path / "killed.py"
    here = {"source": str(SOURCE), "tests": str(Path(__file__).parent)}
    script.write_text(KILLED.format(**here, folder=str(tmp_path), changes=often))
    victim = subprocess.Popen([sys.executable, "-W", "ignore", str(script)])
    checkpoint, until = tmp_path / CHECKPOINT, time.monotonic() + 120
    while not checkpoint.exists() and victim.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    time.sleep(1.0)  # its ranks notice
    written = checkpoint.stat().st_mtime_ns
    step = torch.load(checkpoint, weights_only=True)["step"]
    assert 1 <= step <= Schedule(config(), films).steps
    time.sleep(1.0)
    assert checkpoint.stat().st_mtime_ns == written, "an orphan goes on writing"
    launch(config(**often), films, val, tmp_path, lambda _: None, 2, "local")
    assert_same(averaged(tmp_path), expected[0])


@pytest.mark.filterwarnings("ignore")
def test_two_machines_of_a_ray_cluster_make_the_same_network(
    films, val, expected, tmp_path, two_machines
):
    records = []
    launch(config(), films, val, tmp_path, records.append, 2, "ray")
    check(records, averaged(tmp_path), expected)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_an_error_of_a_rank_is_the_error_of_the_run(films, val, tmp_path):
    torch.save({"config": config(seed=1).model_dump_json()}, tmp_path / CHECKPOINT)
    with pytest.raises(ModelError, match="another configuration"):
        launch(config(), films, val, tmp_path, lambda _: None, 2, "local")


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


def test_micro_batches_differ_and_are_replayed(films):
    plan = Schedule(config(), films)
    first, second, again = plan.batch(1, 0), plan.batch(1, 1), plan.batch(1, 0)
    assert np.array_equal(first[1], again[1])
    assert not set(first[1]) & set(second[1])
    draws = [torch.rand(1, generator=batch[2]).item() for batch in (first, second, again)]
    assert draws[0] == draws[2] != draws[1]
    one = Schedule(config(micro_batches=1), films)
    assert one.batch(3)[2].initial_seed() == second[2].initial_seed()


def test_every_micro_batch_starts_from_the_same_statistics():
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(1)).train()
    statistics = BatchNormStats(network)
    norm, films = network[0], torch.rand(3, 4, 1, 8, 8)
    expected = []
    for batch in films:
        alone = torch.nn.BatchNorm2d(1).train()
        alone(batch)
        expected.append(alone.running_mean)
    statistics.begin()
    for batch in films:
        statistics.rewind()
        network(batch)
        statistics.add()
    for total in statistics.sums:
        total /= 3
    statistics.keep()
    assert torch.allclose(norm.running_mean, torch.stack(expected).mean(dim=0))
    assert int(norm.num_batches_tracked) == 1


class Broken(Alone):
    """A group in which another rank's loss is not finite."""

    def mean_(self, tensors):
        for tensor in tensors:
            tensor += float("nan")


def test_a_loss_that_is_not_finite_on_any_rank_skips_the_step(films, val, tmp_path):
    torch.manual_seed(0)
    start = starting_network(config())[0].state_dict()
    one = config(stages=[{"epochs": 1, "size": 64, "sources": {"phantom": 0.25}}])
    group = Broken(torch.device("cpu"))
    found = train(one, films, val, tmp_path, lambda _: None, group).state_dict()
    assert_same(found, start)
