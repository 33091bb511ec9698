"""Decoding in a process of its own: crashes, hangs, forks, and what is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from infmap.core.errors import UnreadableFilm
from infmap.dicom import decoder_pool
from infmap.dicom.codecs import Job
from infmap.dicom.decoder_pool import DecoderPool, decode_apart

PLANE = (np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 7) % 4096
STREAM = bytes(imagecodecs.jpeg2k_encode(PLANE, codecformat="J2K", reversible=True))
JOB = Job("JPEG 2000", 4096, 48, 64)
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and /proc")


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecoderPool]:
    pool = DecoderPool()
    monkeypatch.setattr(decoder_pool, "POOL", pool)
    yield pool
    pool.close()


def pids(pool: DecoderPool) -> list[int]:
    return [child._process.pid for child in pool._all]


def test_values_come_back_and_the_process_is_kept(pool: DecoderPool) -> None:
    for _ in range(3):
        np.testing.assert_array_equal(decode_apart(JOB, STREAM, "a film", []).values, PLANE)
    assert len(pids(pool)) == 1


@posix
def test_a_process_that_died_is_replaced(pool: DecoderPool) -> None:
    decode_apart(JOB, STREAM, "a film", [])
    (first,) = pids(pool)
    os.kill(first, signal.SIGKILL)
    np.testing.assert_array_equal(decode_apart(JOB, STREAM, "a film", []).values, PLANE)
    assert first not in pids(pool)


@posix
def test_a_crash_costs_one_film(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    start = decoder_pool._START
    with monkeypatch.context() as patch:
        crash = "import infmap.dicom.codecs as c, os; c.decode = lambda *a: os.abort(); "
        patch.setattr(decoder_pool, "_START", start.replace("main()", crash + "main()"))
        with pytest.raises(UnreadableFilm, match="stops the decoder"):
            decode_apart(JOB, STREAM, "a film", [])
    np.testing.assert_array_equal(decode_apart(JOB, STREAM, "a film", []).values, PLANE)


@posix
def test_a_decoder_that_hangs_is_ended_by_its_cpu_time(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spin = (
        "import infmap.dicom.codecs as c, infmap.dicom.decoder_process as p; "
        "p.SECONDS_BASE = 0.2; exec('def f(*a):\\n while True: pass'); c.decode = f; "
    )
    start = decoder_pool._START.replace("main()", spin + "main()")
    monkeypatch.setattr(decoder_pool, "_START", start)
    with pytest.raises(UnreadableFilm, match="too long"):
        decode_apart(JOB, STREAM, "a film", [])


@posix
def test_memory_is_limited(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    grab = (
        "import infmap.dicom.codecs as c, numpy; c.decode = lambda *a: numpy.zeros(1 << 33, 'u1'); "
    )
    start = decoder_pool._START.replace("main()", grab + "main()")
    monkeypatch.setattr(decoder_pool, "_START", start)
    with pytest.raises(UnreadableFilm, match="too much memory"):
        decode_apart(JOB, STREAM, "a film", [])


def test_what_a_decoder_prints_becomes_a_warning(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    talk = (
        "import infmap.dicom.codecs as c, os; d = c.decode; "
        "c.decode = lambda *a: (os.write(2, b'odd marker\\n'), d(*a))[1]; "
    )
    start = decoder_pool._START.replace("main()", talk + "main()")
    monkeypatch.setattr(decoder_pool, "_START", start)
    notes: list[str] = []
    decode_apart(JOB, STREAM, "a film", notes)
    decode_apart(JOB, STREAM, "a film", notes)
    assert notes == ["the JPEG 2000 decoder says: odd marker"] * 2
    assert capfd.readouterr() == ("", "")


def test_threads_share_the_pool(pool: DecoderPool) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(lambda _: decode_apart(JOB, STREAM, "a film", []).values, range(40))
        )
    assert all((values == PLANE).all() for values in found)
    assert len(pids(pool)) <= 4


SCRIPT = """
import os, sys, signal
from infmap.dicom import read_radiograph
film = read_radiograph(sys.argv[1])
from infmap.dicom.decoder_pool import POOL
print(*(child._process.pid for child in POOL._all), film.pixels.shape, flush=True)
{end}
"""


def run_script(tmp_path: Path, end: str) -> tuple[list[str], int]:
    path = tmp_path / "film.j2k"
    path.write_bytes(STREAM)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(end=end))
    done = subprocess.run(
        [sys.executable, str(script), str(path)], capture_output=True, text=True, timeout=60
    )
    assert not done.stderr, done.stderr
    return done.stdout.split(), done.returncode


@posix
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)"])
def test_no_process_outlives_its_parent(tmp_path: Path, end: str) -> None:
    words, status = run_script(tmp_path, end)
    assert status == (-9 if "SIGKILL" in end else 0)
    try:
        handle = os.pidfd_open(int(words[0]))
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 20)[0], "the decoder outlives its parent"
    finally:
        os.close(handle)


@pytest.mark.parametrize("name", ["dl", "signal", "json", "codecs", "tiff"])
def test_a_folder_beside_the_script_stands_in_for_no_module(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    words, status = run_script(tmp_path, "")
    assert status == 0 and words[1:] == ["(48,", "64)"]


@posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_leaves_the_parent_its_decoder(pool: DecoderPool) -> None:
    decode_apart(JOB, STREAM, "a film", [])
    before = pids(pool)
    pool_of_module = decoder_pool.POOL
    child = os.fork()
    if child == 0:
        pool_of_module.forget()
        values = decode_apart(JOB, STREAM, "a film", []).values
        pool_of_module.close()
        os._exit(0 if (values == PLANE).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(decode_apart(JOB, STREAM, "a film", []).values, PLANE)
    assert pids(pool) == before
