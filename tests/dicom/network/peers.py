"""Peers of a test's own, with the answers that it gives."""

from __future__ import annotations

import gc
import shutil
import subprocess
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infmap.dicom.network import Peer, Tls

pynetdicom = pytest.importorskip("pynetdicom")


@contextmanager
def answering(
    handlers: Sequence[Any], classes: Sequence[str], tls: Tls | None = None, seconds: float = 20.0
) -> Iterator[Peer]:
    """A peer called FAKE with these handlers, which takes these classes."""
    entity = pynetdicom.AE(ae_title="FAKE")
    entity.acse_timeout = seconds
    for sop_class in ("1.2.840.10008.1.1", *dict.fromkeys(classes)):
        entity.add_supported_context(
            sop_class, pynetdicom.ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True
        )
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=list(handlers),
        ssl_context=None if tls is None else tls.server(),
    )
    try:
        yield Peer("127.0.0.1", server.server_address[1], "FAKE", seconds=seconds)
    finally:
        server.shutdown()


def close_sockets() -> None:
    """Collect the sockets that pynetdicom drops without closing them, once their threads ended."""
    for thread in threading.enumerate():
        # Other threads, of tests before, do not end: waiting for them cost ten seconds a test.
        if type(thread).__module__.startswith("pynetdicom"):
            thread.join(10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def certificate_in(folder: Path) -> Tls:
    """A certificate of 127.0.0.1 that is its own authority, made in a folder; or skip."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl: apt-get install openssl")
    pem, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    command += f"-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {pem}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return Tls(pem, pem, key)
