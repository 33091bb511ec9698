"""Tests of `infmap.serve.server`."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from server_process import ServerProcess
from web_server import film

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.client import Client
from infmap.core.errors import InfmapError, ModelError, UsageError
from infmap.serve import keys
from infmap.serve.server import ServerSettings, check_keys, serve
from infmap.serve.store import Store
from infmap.web.serving import Listen

SETTINGS = ServerSettings({DEFAULT_MODEL: model_folder()}, processes=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(SETTINGS, listen=Listen("0.0.0.0")), "reached from other machines"),
        (replace(SETTINGS, listen=Listen(port=70_000)), "--port"),
        (replace(SETTINGS, trusted=("nonsense",)), "10.0.0.0/8"),
        (replace(SETTINGS, models={"none": Path("nowhere")}), "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    tmp_path: Path, settings: ServerSettings, message: str
) -> None:
    folder = tmp_path / "server"
    with pytest.raises(InfmapError, match=message):
        serve(replace(settings, folder=folder), print)
    assert not folder.exists()


def test_a_damaged_model_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    damaged = tmp_path / "model"
    shutil.copytree(model_folder(), damaged)
    with (damaged / "network.bin").open("r+b") as stream:
        stream.write(b"damage")
    folder = tmp_path / "server"
    with pytest.raises(ModelError, match="checksum"):
        serve(replace(SETTINGS, models={"m": damaged}, folder=folder), print)
    assert not folder.exists()


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, keys=True),
        replace(SETTINGS, trusted=("127.0.0.1",)),
        replace(SETTINGS, listen=Listen("0.0.0.0"), trusted=("10.0.0.1",)),
    ],
)
def test_others_are_served_with_a_key_alone(tmp_path: Path, settings: ServerSettings) -> None:
    with pytest.raises(UsageError, match="infmap serve key add"):
        serve(replace(settings, folder=tmp_path / "server"), print)


def test_a_disabled_key_is_none(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "server")
    check_keys(store, is_open=True)
    with store.begin() as c:
        keys.create(c, "ann")
    check_keys(store, is_open=False)
    with store.begin() as c:
        keys.disable(c, "ann")
    with pytest.raises(UsageError):
        check_keys(store, is_open=False)
    store.close()


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


def test_with_tls_and_keys_it_reads_and_ends_in_order(
    tmp_path: Path, pem: tuple[Path, Path]
) -> None:
    """One start for all that a whole server says: TLS, keys, a film, and an open stream's end."""
    folder = tmp_path / "server"
    store = Store.open(folder)
    with store.begin() as c:
        _, secret = keys.create(c, "ann")
    store.close()
    settings = replace(SETTINGS, listen=Listen(certificate=pem[0], key=pem[1]), keys=True)
    server = ServerProcess(folder, settings)
    server.start()
    try:
        assert server.address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(pem[0]))
        transport = httpx.HTTPTransport(verify=trusting)
        with Client(server.address, secret, transport=transport) as client:
            (tmp_path / "a.png").write_bytes(film(1))
            (tmp_path / "b.png").write_bytes(film(2))
            read = client.submit([tmp_path / "a.png"]).results()
            assert [one.state for one in read] in (["done"], ["failed"])
        answer = httpx.get(f"{server.address}/v1/me", verify=trusting)
        assert answer.status_code == 401
        assert "strict-transport-security" in answer.headers
        assert "server" not in answer.headers
        # A stream that waits for ever does not hold up the end.
        bearer = {"Authorization": f"Bearer {secret}"}
        body = {"films": [{"name": "a", "sha256": "0" * 64, "size": 1}]}
        with httpx.Client(verify=trusting, headers=bearer, base_url=server.address) as asking:
            job = asking.post("/v1/jobs", json=body).json()["id"]
            with asking.stream("GET", f"/v1/jobs/{job}/events") as events:
                lines = events.iter_lines()
                assert next(lines).startswith("retry")
                server.process.terminate()
                assert not [line for line in lines if line.startswith("data")]
        status = server.stop()
    finally:
        server.kill()
    assert status == 0


@pytest.mark.parametrize(("cores", "readers"), [(None, 1), (1, 1), (2, 2), (64, 8)])
def test_by_default_as_many_processes_as_cores_read_films(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, readers: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert replace(SETTINGS, processes=None).readers == readers
    assert SETTINGS.readers == 1
