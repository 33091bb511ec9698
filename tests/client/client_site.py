"""A server whose films are read at once, and a folder of films."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
from web_server import WebServer

from infmap.client import Client


@dataclass
class Site:
    """A server, its address, and a folder of four films, of which "c.png" and "d.png" are one."""

    server: WebServer
    url: str
    films: Path

    def client(self, transport: httpx.BaseTransport | None = None) -> Client:
        return Client(self.url, patience=10, transport=transport)
