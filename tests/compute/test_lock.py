"""A folder has one writer; a dead one's lock is taken over."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infmap.compute.lock import LOCK, lock_folder
from infmap.core.errors import UsageError


@pytest.fixture(params=["flock", "no flock"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if request.param == "no flock":
        monkeypatch.setattr(fcntl, "flock", none)


def test_a_second_writer_is_refused_with_the_first_ones_process(
    tmp_path: Path, disk: Callable[[], None]
) -> None:
    with (
        lock_folder(tmp_path),
        pytest.raises(UsageError, match=f"process {os.getpid()} on .* is writing there"),
        lock_folder(tmp_path),
    ):
        pass
    with lock_folder(tmp_path):  # and free again
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_the_lock_of_a_killed_process_is_taken_over(
    tmp_path: Path, disk: Callable[[], None]
) -> None:
    code = (
        "import fcntl, os, sys\n"
        "from pathlib import Path\n"
        "from infmap.compute.lock import lock_folder\n"
        "def none(*_):\n"
        "    raise OSError(37, 'No locks available')\n"
        "if sys.argv[2] == 'True':\n"
        "    fcntl.flock = none\n"
        "with lock_folder(Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    without = str(fcntl.flock.__module__ != "fcntl")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path), without]).returncode == -9
    assert (tmp_path / f"{LOCK}.owner").exists() == (without == "True")
    with lock_folder(tmp_path):
        pass


def test_a_lock_of_another_machine_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    owner = tmp_path / f"{LOCK}.owner"
    owner.write_text(f"{2**22 + 1} another.machine")
    with (
        pytest.raises(UsageError, match=r"another.machine .*remove .*\.owner"),
        lock_folder(tmp_path),
    ):
        pass
    owner.write_text(f"{2**22 + 1} {socket.gethostname()}")  # above Linux's highest process id
    with lock_folder(tmp_path):
        pass
    assert not owner.exists()
