"""What decoders write on standard error goes to a file, and a crash still shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BEGIN = """
import ctypes, logging, os, sys, warnings
from pathlib import Path
from infmap.cli.streams import forgive_closed_pipes
from infmap.core.messages import messages_to
forgive_closed_pipes()
"""


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + code, str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_decoders_warnings_and_logs_go_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "messages.txt"
    path.write_text("of an earlier run\n")
    done = run(
        "with messages_to(Path(sys.argv[1])):\n"
        "    os.write(2, b'from C\\n')\n"
        "    warnings.warn('from Python')\n"
        "    logging.getLogger('pydicom').warning('from a log')\n"
        "    sys.stderr.write('progress\\n')\n"
        "os.write(2, b'after\\n')\n"
        "sys.stderr.write('and after\\n')\n",
        path,
    )
    assert (done.returncode, done.stderr) == (0, "progress\nafter\nand after\n")
    text = path.read_text()
    assert "from C\n" in text and "from Python" in text and "from a log\n" in text
    assert "earlier" not in text


def test_where_nothing_was_written_no_file_stays(tmp_path: Path) -> None:
    assert run("with messages_to(Path(sys.argv[1])): pass", tmp_path / "m.txt").returncode == 0
    assert not list(tmp_path.iterdir())


def test_a_crash_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "messages.txt"
    done = run(
        "with messages_to(Path(sys.argv[1])):\n"
        "    os.write(2, b'terminate called\\n')\n"
        "    os.abort()\n",
        path,
    )
    assert done.returncode < 0
    assert "Fatal Python error: Aborted" in done.stderr and "terminate" not in done.stderr
    assert path.read_text() == "terminate called\n"
