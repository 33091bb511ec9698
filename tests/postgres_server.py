"""A PostgreSQL server of the tests' own, from Debian's packages."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_numbers = itertools.count(1)


def programs() -> Path | None:
    """The folder with initdb of the newest PostgreSQL installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def server() -> Iterator[str]:
    """Address of a running server with a superuser ``infmap``; or skip."""
    programs_at = programs()
    if programs_at is None:
        pytest.skip("no PostgreSQL: initdb is not installed (Debian: apt install postgresql)")
    # Below /tmp: the socket's path has at most 107 characters, and another user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="infmap-pg-", dir="/tmp"))
    as_other: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_other = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*as_other, str(programs_at / program), "-D", str(folder / "data"), *arguments]
        # Its output goes to a file: a server that is left running would hold a pipe open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    port = _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    # The tests kill its clients, never the server or the machine.
    options += " -c fsync=off -c max_connections=200"
    try:
        run("initdb", "-A", "trust", "-U", "infmap", "--locale=C.UTF-8", "-E", "UTF8")
        run("pg_ctl", "-l", str(folder / "log"), "-w", "-o", options, "start")
        try:
            yield f"postgresql://infmap@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(address: str) -> Iterator[str]:
    """Address of a new, empty database, which is gone afterwards, whoever is still connected.

    Left to the end, some hundred of them with a thousand files each take minutes to remove.
    """
    name = f"database{next(_numbers)}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{address}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
