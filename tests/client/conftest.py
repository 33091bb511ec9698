"""A server whose films are read at once, for the client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "serve")]
from client_site import Site  # noqa: E402
from running import running  # noqa: E402
from web_server import WebServer, film  # noqa: E402


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "films"
    (folder / "more").mkdir(parents=True)
    for name, number in (("a.png", 1), ("b.png", 2), ("more/c.png", 3), ("more/d.png", 3)):
        (folder / name).write_bytes(film(number))
    (folder / ".hidden").write_bytes(b"none")
    server = WebServer(tmp_path / "server")
    with running(server.app, server.notices) as url:
        yield Site(server, url, folder)
    server.store.close()
