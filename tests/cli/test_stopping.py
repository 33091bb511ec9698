"""Signals and pipes: any verb ends soon, with one line, and a reader that leaves is no error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

STANDING_IN = """
import importlib, sys, types

def run(what):
    module = types.SimpleNamespace(app=lambda *_, **__: what())
    importlib.import_module = lambda name, old=importlib.import_module: (
        module if name == "infmap.cli.train" else old(name)
    )
    from infmap.cli.main import main
    sys.argv = ["infmap", "train"]
    main()

def native():
    import hashlib
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)  # minutes inside C, without Python's lock

def ready():
    print("ready", flush=True)
"""
"""A verb whose work the test brings along."""

IN_MAIN_THREAD = "def work():\n    ready()\n    native()\n"
IN_A_POOL = """
def work():
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(native) for _ in range(3)]
        ready()
        held[0].result()
"""
IN_A_PROCESS = """
def work():
    import multiprocessing
    child = multiprocessing.get_context("fork").Process(target=native)
    child.start()
    ready()
    child.join()
"""
THAT_WILL_NOT_STOP = """
def work():
    ready()
    while True:
        try:
            native()
        except KeyboardInterrupt:
            pass
"""
THAT_FAILS_WHEN_STOPPED = """
def work():
    from infmap.core.errors import UsageError
    import threading
    try:
        ready()
        threading.Event().wait()
    except BaseException:
        raise UsageError("the disk is full") from None
"""


def start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STANDING_IN + code + "\nrun(work)\n"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("number", "status", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
@pytest.mark.parametrize(
    "code",
    [IN_MAIN_THREAD, IN_A_POOL, IN_A_PROCESS, THAT_WILL_NOT_STOP, THAT_FAILS_WHEN_STOPPED],
    ids=["main thread", "pool", "process", "deaf", "failing"],
)
def test_a_signal_ends_a_verb_with_one_line(code: str, number: int, status: int, name: str) -> None:
    with start(code) as verb:
        assert verb.stdout is not None
        assert verb.stdout.readline() == "ready\n"
        verb.send_signal(number)
        out, error = verb.communicate(timeout=60)  # minutes, were the work waited for
    assert (verb.returncode, out, error) == (status, "", f"infmap train: stopped by {name}\n")


def test_a_second_signal_ends_it_at_once_and_says_so_once() -> None:
    with start(THAT_WILL_NOT_STOP) as verb:
        assert verb.stdout is not None
        assert verb.stdout.readline() == "ready\n"
        verb.send_signal(signal.SIGINT)
        verb.send_signal(signal.SIGINT)
        _, error = verb.communicate(timeout=60)
    assert (verb.returncode, error) == (130, "infmap train: stopped by Ctrl-C\n")


PRINTS = """
def work():
    for number in range(100_000):
        print(number)
    sys.stderr.write("whole\\n")
    return 3
"""


def test_a_reader_that_leaves_is_no_error() -> None:
    with start(PRINTS) as verb:
        assert verb.stdout is not None and verb.stderr is not None
        assert verb.stdout.readline() == "0\n"
        verb.stdout.close()
        assert verb.stderr.read() == "whole\n"
    assert verb.returncode == 3  # the verb's own


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    code = STANDING_IN + "run(lambda: print('a') and None)\n"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.startswith("infmap: standard output cannot be written: No space")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are closed by a POSIX shell")
def test_a_closed_standard_stream_is_no_error(tmp_path) -> None:
    code = STANDING_IN + (
        "def work():\n"
        "    print('lost')\n"
        f"    with open({str(tmp_path / 'file')!r}, 'w') as file:\n"
        "        file.write(str(file.fileno()))\n"
        "run(work)\n"
    )
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, code]
    assert subprocess.run(command).returncode == 0
    assert int((tmp_path / "file").read_text()) > 2
