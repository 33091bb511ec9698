"""The same run, by one process, by several on this machine, and on a Ray cluster."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from infmap.core.errors import ModelError
from infmap.training.checkpoint import CHECKPOINT
from infmap.training.dataset import Films
from infmap.training.group import Alone
from infmap.training.launch import launch
from infmap.training.loop import train
from infmap.training.schedule import Schedule
from infmap.training.start import starting_network

sys.path.insert(0, str(Path(__file__).parent))
from two_ranks import config, some_films  # noqa: E402

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def first(films, n):
    arrays = (films.images, films.masks, films.truth, films.classes)
    return Films(films.rows[:n], *(a[:n] for a in arrays))


@pytest.fixture(scope="module")
def films():
    return some_films()


@pytest.fixture(scope="module")
def val(films):
    return first(films, 2)


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
    checkpoint = tmp_path / CHECKPOINT
    while not checkpoint.exists():
        with pytest.raises(subprocess.TimeoutExpired):  # it goes on until it is killed
            victim.wait(0.01)
    ranks = psutil.Process(victim.pid).children(recursive=True)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    _, orphans = psutil.wait_procs(ranks, timeout=60)
    assert not orphans, "ranks outlive the process that started them"
    step = torch.load(checkpoint, weights_only=True)["step"]
    assert 1 <= step <= Schedule(config(), films).steps
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


class Broken(Alone):
    """A group in which another rank's loss is not finite."""

    def mean_(self, tensors):
        for tensor in tensors:
            tensor += float("nan")


def test_a_loss_that_is_not_finite_on_any_rank_skips_the_step(films, val, tmp_path):
    torch.manual_seed(0)
    start = starting_network(config()).network.state_dict()
    one = config(stages=[{"epochs": 1, "size": 64, "sources": {"phantom": 0.25}}])
    group = Broken(torch.device("cpu"))
    found = train(one, films, val, tmp_path, lambda _: None, group).state_dict()
    assert_same(found, start)
