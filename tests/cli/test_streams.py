"""Tests of `infmap.cli.streams`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
HEAD = "import sys; from infmap.cli.streams import forgive_closed_pipes; forgive_closed_pipes(); "


def start(code: str, **options: object) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.Popen([sys.executable, "-c", HEAD + code], env=environment, **options)  # type: ignore[call-overload]


def test_a_reader_that_leaves_ends_nothing(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"[print('x' * 1000) for _ in range(2000)]; open({str(done)!r}, 'w').close()"
    with start(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
    assert done.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_not_forgiven() -> None:
    code = "print('x', flush=True)"
    with (
        open("/dev/full", "wb") as full,
        start(code, stdout=full, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr and b"No space left" in process.stderr.read()
        assert process.wait() != 0


def test_a_closed_stream_takes_no_other_files_place(tmp_path: Path) -> None:
    code = (
        f"file = open({str(tmp_path / 'data')!r}, 'w'); print('for nobody'); "
        "sys.stdout.flush(); file.close()"
    )
    with start(code, preexec_fn=lambda: os.close(1)) as process:
        assert process.wait() == 0
    assert (tmp_path / "data").read_text() == ""
