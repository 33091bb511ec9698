"""What all tests share."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).resolve().parents[1]
DATABASES = ("sqlite", "postgresql")

sys.path.insert(0, str(ROOT / "tests"))  # what tests of several rooms share


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real films, or skip."""
    folder = Path(os.environ.get("INFMAP_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real films: {folder} does not exist; set INFMAP_DATA")
    return folder


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same global random state before every test, torch's where it is in use."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server that runs as long as the tests; or skip."""
    from postgres_server import server

    with server() as address:
        yield address


@pytest.fixture
def new_database(postgres: str) -> Iterator[str]:
    """Address of an empty PostgreSQL database."""
    from postgres_server import database

    with database(postgres) as address:
        yield address


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str | None:
    """Each database in turn, as a store's ``open`` takes it."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("new_database")
    return address


@pytest.fixture
def two_machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a Ray cluster of two nodes on 127.0.0.1, which RAY_ADDRESS names; or skip."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # stay on 127.0.0.1
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'infmap[scale]'")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    node |= {"node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(**node)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()


# Once a module, not once a session: while it runs, this thread has an event loop, in which neither
# another Playwright nor another test's asyncio.run starts.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, or skip."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install 'infmap[dev]'"
    )
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path, or skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """A browser, once a module."""
    started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    yield started
    started.close()
