"""An Orthanc of the test's own, on free ports, or skip."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Orthanc:
    """Ports of a running one."""

    http: int
    dicom: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def instances(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/statistics", timeout=30) as said:
            return int(json.load(said)["CountInstances"])


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(
    folder: Path, peers: Mapping[str, Sequence[str | int]] | None = None
) -> Iterator[Orthanc]:
    """Start one with an empty store in a folder, and stop it.

    Peers are those that it may send to: name to title, host and port.
    """
    made = Orthanc(free_port(), free_port())
    (folder / "orthanc.json").write_text(json.dumps(settings_of(folder, made, peers)))
    with started(made, folder / "orthanc.json"):
        yield made


def settings_of(
    folder: Path, made: Orthanc, peers: Mapping[str, Sequence[str | int]] | None = None
) -> dict[str, object]:
    """Settings of one that stores in a folder."""
    return {
        "Name": "test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": made.http,
        "DicomPort": made.dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomCheckCalledAet": False,
        # Only peers that it knows by their title may search it.
        "DicomModalities": {"INFMAP": ["INFMAP", "127.0.0.1", 11112], **(peers or {})},
        "OverwriteInstances": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


@contextmanager
def started(made: Orthanc, settings: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start one with these settings in their folder, and stop it; what it stored stays."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not PLUGIN.exists():
        pytest.skip("no Orthanc: apt-get install orthanc orthanc-dicomweb")
    with settings.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [program, settings.name], stdout=log, stderr=log, cwd=settings.parent
        )
        try:
            _wait(made, process)
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _wait(made: Orthanc, process: subprocess.Popen[bytes]) -> None:
    """Until it answers; a minute at most, for a machine that does much else."""
    end = time.monotonic() + 60
    while True:
        try:
            made.instances()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail("Orthanc does not start; see orthanc.log")
            time.sleep(0.05)
