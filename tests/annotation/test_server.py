"""Tests of `infmap.annotation.server`."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from serving import Server
from small_station import new_store
from web_station import WebStation

from infmap.annotation import projects, tasks, users
from infmap.annotation.server import (
    FIRST_PROJECT,
    FIRST_USER,
    ServerSettings,
    prepare,
    serve,
)
from infmap.annotation.store import Store, now
from infmap.core.errors import UsageError


def nothing(store: Store, project: str) -> None: ...


def test_a_new_station_gets_an_administrator_and_a_project_to_read(store: Store) -> None:
    filled: list[str] = []

    def fill(store: Store, project: str) -> None:
        filled.append(project)
        site = WebStation.__new__(WebStation)
        site.store, site.project = store, project
        site.film("sample")

    password = prepare(store, fill)
    assert password is not None
    with store.begin() as c:
        first = users.check(c, FIRST_USER, password)
        assert first is not None
        assert (first.role, first.must_change) == ("administrator", True)
        assert [project.name for project in projects.every(c)] == [FIRST_PROJECT]
        task = tasks.lease(c, filled[0], first, now())
        assert task is not None  # planned, and the administrator reads in it
    again = prepare(store, fill)
    assert again is not None and again != password  # the first one may be lost
    with store.begin() as c:
        first = users.named(c, FIRST_USER)
        assert first is not None
        users.set_password(c, first, "a password of one's own")
    assert prepare(store, fill) is None
    assert len(filled) == 1


def test_a_station_in_use_is_left_as_it_is(tmp_path: Path) -> None:
    site = WebStation(new_store(tmp_path / "station"))
    assert prepare(site.store, nothing) is None
    with site.store.read() as c:
        assert [project.name for project in projects.every(c)] == ["chest"]


def test_it_prints_an_address_and_a_password_that_work_and_ends_when_asked(tmp_path: Path) -> None:
    server = Server(tmp_path / "station")
    server.start()
    try:
        assert server.address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=server.address, timeout=60) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
            head = client.get("/healthz").headers
            assert "server" not in head
            assert client.get("/metrics").status_code == 200
            password = server.said.recv().split(" ")[-1]
            signed = client.post("/api/session", json={"name": "admin", "password": password})
            assert signed.json()["user"]["must_change_password"] is True
            # An open connection does not hold up the end.
            status = server.stop()
    finally:
        server.kill()
    assert status == 0  # ended in order
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.address}/healthz", timeout=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_verb_ends_by_a_signal_without_a_traceback(
    tmp_path: Path, number: signal.Signals
) -> None:
    """From nothing, as a user starts it: demo films, the shipped model, an address, a signal."""
    command = [sys.executable, "-m", "infmap.cli.main", "annotate", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline(), process.stdout.readline()]
            assert "research use only" in lines[0] and "one-time password" in lines[1]
            assert httpx.get(lines[0].split()[-1]).status_code == 200
            process.send_signal(number)
            said = "".join(process.communicate(timeout=60))
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"host": "0.0.0.0"}, "reached from other machines"),
        ({"host": "192.0.2.1"}, "--certificate"),
        ({"certificate": Path("a.pem")}, "one of the two"),
        ({"proxy_header": "X-Remote-User"}, "no proxy is trusted"),
        ({"trusted": ("nonsense",)}, "10.0.0.0/8"),
        ({"port": 70_000}, "--port"),
    ],
)
def test_what_would_be_unsafe_or_cannot_be_is_refused_and_nothing_is_made(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    folder = tmp_path / "station"
    with pytest.raises(UsageError, match=message):
        serve(ServerSettings(folder, **settings), nothing, print)  # type: ignore[arg-type]
    assert not folder.exists()


def test_a_port_in_use_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServerSettings(tmp_path / "station", port=taken.getsockname()[1])
        with pytest.raises(UsageError, match="choose another with --port"):
            serve(settings, nothing, print)
    assert not (tmp_path / "station").exists()


@pytest.fixture
def pem(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names,
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_with_a_certificate_it_speaks_tls(tmp_path: Path, pem: tuple[Path, Path]) -> None:
    server = Server(tmp_path / "station", certificate=pem[0], key=pem[1])
    server.start()
    try:
        assert server.address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(pem[0]))
        with httpx.Client(base_url=server.address, verify=trusting, timeout=60) as client:
            answer = client.get("/healthz")
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
    finally:
        server.stop()


def test_files_that_are_no_certificate_are_refused_and_nothing_is_made(
    tmp_path: Path, pem: tuple[Path, Path]
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for certificate, key in ((broken, pem[1]), (pem[0], broken), (tmp_path / "none", pem[1])):
        settings = ServerSettings(tmp_path / "station", certificate=certificate, key=key)
        with pytest.raises(UsageError, match="two PEM files"):
            serve(settings, nothing, print)
    assert not (tmp_path / "station").exists()
