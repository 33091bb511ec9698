"""Workers end with their parent, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from infmap.compute import processes

PARENT = """
import multiprocessing, os, sys, threading, time
from infmap.compute.processes import begin_worker

def work(parent, to):
    begin_worker(parent)
    os.write(to.fileno(), b"%d\\n" % os.getpid())
    threading.Event().wait()

if __name__ == "__main__":
    for method in ("spawn", "fork"):
        context = multiprocessing.get_context(method)
        for _ in range(2):
            mine, theirs = context.Pipe()
            context.Process(target=work, args=(os.getpid(), theirs)).start()
            print(os.read(mine.fileno(), 20).decode().strip(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX systems")
def test_a_killed_parent_leaves_no_worker(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(4)]
        assert all(processes.is_alive(pid) for pid in workers)
        parent.send_signal(signal.SIGKILL)
        # The workers hold the other end of standard output: it closes when the last is gone.
        assert parent.stdout.read() == ""


def test_the_end_of_a_process_is_seen_without_pidfd(monkeypatch) -> None:
    def missing(pid: int) -> int:
        raise OSError("no such call")

    monkeypatch.setattr(os, "pidfd_open", missing, raising=False)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert processes.is_alive(child.pid)
        child.communicate(b"\n")
    processes._wait_for_end(child.pid)
    assert not processes.is_alive(child.pid)


def test_a_parent_that_is_gone_already_counts_as_ended() -> None:
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    processes._wait_for_end(int(child.stdout))


def test_nothing_watches_itself() -> None:
    processes.begin_worker(os.getpid())
    assert os.getpid() not in processes._parents
