"""Many readers at once: how soon a stroke is saved, and whether every saved one is kept.

    python benchmarks/annotation_load.py [--clients 50] [--seconds 300] [--pause 1]
                                         [--database postgresql://...] [--json FILE]

Each client draws strokes (a brush of 40 pixels over a film of 3000 x 3000), waits ``--pause``
seconds after each answer, and decides a film after 30 strokes, on connections of its own to a
server process of its own. Clients come one after the other within the first tenth of the time and
are spread over their first film: they neither draw nor decide in step. Peers, in the same run on
the same machine, for what the machine alone takes: the same requests answered by a bare Starlette
application that keeps nothing, and commits of
a row of the same size to a bare SQLite table with synchronous FULL, one after the other.

Exit status 1 where a request failed or the rows are not those acknowledged; times are reported,
not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infmap.annotation import audit, films, planning, projects, schema, users
from infmap.annotation.callers import COOKIE
from infmap.annotation.films import NewFilm
from infmap.annotation.server import ServerSettings, serve
from infmap.annotation.store import Store, now
from infmap.web.csrf import csrf_token
from infmap.web.strokes import Stroke, changes

SIDE = 3000  # pixels: a film of a flat detector
STROKES_A_FILM = 30
WARM_UP = 0.1  # share of the time after which all have come and memory is first looked at
PROCESSES = multiprocessing.get_context("spawn")


@dataclass
class Load:
    """What the clients saw.

    Attributes:
        saves: seconds of every stroke that was saved.
        others: seconds of every other request.
        strokes: acknowledged.
        decisions: acknowledged.
        errors: statuses and exceptions that should not have been.
    """

    saves: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    strokes: int = 0
    decisions: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Quantiles:
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Quantiles:
        """Of measured seconds; NaN without any."""
        if not seconds:
            return cls(0, *[float("nan")] * 3)
        p50, p95, p99 = np.quantile(np.array(seconds) * 1000, [0.5, 0.95, 0.99])
        return cls(len(seconds), *(round(float(p), 1) for p in (p50, p95, p99)))


@dataclass(frozen=True)
class Result:
    """One run.

    Attributes:
        clients: how many.
        seconds: of the load.
        pause: seconds of a client between an answer and the next stroke.
        database: "sqlite" or "postgresql".
        saves: of strokes.
        others: of all other requests.
        echo: the same requests to a server that keeps nothing.
        commits: to a bare SQLite table.
        errors: how many requests failed.
        acknowledged: strokes and decisions.
        rows: strokes and decisions in the database.
        chain: the audit chain is unbroken.
        cpu_ms: processor time of a request: of the station, and of the peer that keeps nothing.
        memory_mb: of the server after the warm-up and at the end.
        load_average: of the machine, one minute, before and after.
    """

    clients: int
    seconds: float
    pause: float
    database: str
    saves: Quantiles
    others: Quantiles
    echo: Quantiles
    commits: Quantiles
    errors: int
    acknowledged: tuple[int, int]
    rows: tuple[int, int]
    chain: bool
    cpu_ms: tuple[float, float]
    memory_mb: tuple[float, float]
    load_average: tuple[float, float]

    @property
    def kept(self) -> bool:
        """Every request was answered, and the rows are those acknowledged."""
        return not self.errors and self.rows == self.acknowledged and self.chain


@dataclass(frozen=True)
class Late:
    """How a reader's beginning differs from the others'.

    Attributes:
        seconds: after the first one.
        strokes: of the first film that are not drawn.
    """

    seconds: float
    strokes: int

    @classmethod
    def of(cls, share: float, seconds: float) -> Late:
        """Of the readers a ``share`` comes before this one."""
        # Films end at no fixed time after the beginning: the golden ratio spreads them evenly.
        film = share * 1000 * 0.618 % 1
        return cls(share * WARM_UP * seconds, int(film * STROKES_A_FILM))


@cache
def stroke() -> tuple[list[int], str]:
    """Rectangle and runs of a curved stroke of a brush of 40 pixels, 400 pixels long."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    after = np.zeros((SIDE, SIDE), np.uint8)
    for step in np.linspace(0, 1, 40):
        centre = 1200 + 400 * step, 1500 + 60 * np.sin(4 * step)
        after |= ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 20**2).astype(np.uint8)
    found = changes(np.zeros_like(after), after, 0)
    if found is None:
        raise RuntimeError("the brush left no trace")
    sent = Stroke("one", 1, "brush", 0, found[0], 900, found[1]).to_json()
    return list(found[0]), str(sent["runs"])


def station(store: Store, clients: int, films_each: int) -> list[dict[str, str]]:
    """Fill a station with readers and films; returns the headers of each reader's session."""
    with store.begin() as c:
        project = projects.create(c, "load", settings=projects.Settings(repeat_share=0)).id
        for n in range(clients * films_each):
            films.add(c, project, NewFilm(f"{n:064x}", SIDE, SIDE, 12, 2048.0, 4096.0))
        planning.plan(c, project)
    sessions = []
    for n in range(clients):
        with store.begin() as c:
            user = users.add(c, f"reader{n}", "long enough", "reader")
            projects.member(c, project, user, "reader")
            token = users.start(c, user, now())
        cookie = f"{COOKIE.name}={token}"
        csrf = csrf_token(store.key, token)
        sessions.append({"Cookie": cookie, "X-CSRF-Token": csrf, "project": project})
    return sessions


async def reader(
    base: str, headers: dict[str, str], late: Late, until: float, pause: float, load: Load
) -> None:
    """One reader: draws and decides film after film."""
    project = headers.pop("project")
    rect, runs = stroke()
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:

        async def ask(path: str, body: object, times: list[float]) -> dict[str, object] | None:
            began = time.perf_counter()
            try:
                answer = await client.post(path, json=body)
            except httpx.HTTPError as error:
                load.errors.append(type(error).__name__)
                return None
            times.append(time.perf_counter() - began)
            if answer.status_code >= 300:
                load.errors.append(f"{answer.status_code} {answer.text[:100]}")
                return None
            told: dict[str, object] | None = answer.json() if answer.content else None
            return told

        await asyncio.sleep(late.seconds)
        strokes = STROKES_A_FILM - late.strokes
        while time.perf_counter() < until:
            task = await ask(f"/api/projects/{project}/next", None, load.others)
            if task is None:
                load.errors.append("no film is left: more films a reader are needed")
                return
            path = f"/api/tasks/{task['id']}"
            draft = await ask(f"{path}/draft", {"base": None, "tab": "t"}, load.others)
            if draft is None:
                return
            for n in range(1, strokes + 1):
                one = {"uuid": f"{draft['draft']}-{n}", "seq": n, "tool": "brush", "label": 0}
                one |= {"rect": rect, "active_ms": 900, "runs": runs}
                body = {"epoch": draft["epoch"], "expected_seq": n - 1, "strokes": [one]}
                saved = await ask(f"/api/drafts/{draft['draft']}/strokes", body, load.saves)
                load.strokes += saved == {"seq": n}
                await asyncio.sleep(pause)
                if time.perf_counter() >= until:
                    return
            body = {"version": task["version"], "kind": "draw", "draft": draft["draft"]}
            strokes = STROKES_A_FILM
            decided = await ask(f"{path}/decision", body, load.others)
            # Not added to while waiting: others add to it meanwhile.
            load.decisions += decided is not None


async def echoed(base: str, until: float, pause: float, times: list[float]) -> None:
    """One client of the peer: the same strokes, which nothing keeps."""
    rect, runs = stroke()
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        while time.perf_counter() < until:
            one = {"uuid": "x", "seq": 1, "tool": "brush", "label": 0, "rect": rect, "runs": runs}
            began = time.perf_counter()
            await client.post("/echo", json={"epoch": 1, "expected_seq": 0, "strokes": [one]})
            times.append(time.perf_counter() - began)
            await asyncio.sleep(pause)


async def _all(clients: int, one: Callable[[int], Awaitable[None]]) -> None:
    await asyncio.gather(*(one(n) for n in range(clients)))


def commits(folder: Path, count: int) -> list[float]:
    """Seconds of each of some commits to a bare SQLite table, WAL and synchronous FULL."""
    _, runs = stroke()
    seconds = []
    with sqlite3.connect(folder / "bare.db", isolation_level=None) as c:
        c.execute("PRAGMA journal_mode = WAL")
        c.execute("PRAGMA synchronous = FULL")
        c.execute("CREATE TABLE stroke (seq INTEGER PRIMARY KEY, runs TEXT)")
        for n in range(count):
            began = time.perf_counter()
            c.execute("BEGIN IMMEDIATE")
            c.execute("INSERT INTO stroke VALUES (?, ?)", (n, runs))
            c.execute("COMMIT")
            seconds.append(time.perf_counter() - began)
    c.close()
    return seconds


def _serve(settings: ServerSettings, out: Connection) -> None:
    serve(settings, lambda store, project: None, out.send)


def _echo(out: Connection) -> None:
    async def echo(request: Request) -> JSONResponse:
        body = await request.json()
        return JSONResponse({"seq": body["strokes"][0]["seq"]})

    config = uvicorn.Config(
        Starlette(routes=[Route("/echo", echo, methods=["POST"])]), port=0, http="h11",
        log_config=None, access_log=False, timeout_keep_alive=300,
    )  # fmt: skip
    listening = config.bind_socket()
    listening.listen(2048)
    out.send(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[listening])


@dataclass
class Process:
    """A server in a process of its own.

    Attributes:
        address: of it.
        pid: of it.
    """

    address: str
    pid: int
    end: Callable[[], None]

    @classmethod
    def start(cls, target: Callable[..., None], *arguments: object) -> Process:
        """Start, and wait for the address that it sends."""
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=target, args=(*arguments, theirs))
        process.start()
        theirs.close()
        address = str(ours.recv()).split(" ")[-1].rstrip("/")

        def end() -> None:
            process.terminate()
            process.join()
            ours.close()

        return cls(address, process.pid or 0, end)

    def memory_mb(self) -> float:
        """Resident memory; NaN where the system does not tell."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return float("nan")
        sizes = [line.split()[1] for line in lines if line.startswith("VmRSS")]
        return round(int(sizes[0]) / 1024, 1) if sizes else float("nan")

    def cpu_seconds(self) -> float:
        """Processor time so far; NaN where the system does not tell."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return float("nan")
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(
    clients: int, seconds: float, pause: float, database: str | None, folder: Path
) -> Result:
    """One run in a folder."""
    before = os.getloadavg()[0]
    bare = commits(folder, 200)
    echo: list[float] = []
    peer = Process.start(_echo)
    try:
        until = time.perf_counter() + min(20.0, seconds / 10)
        used = peer.cpu_seconds()
        asyncio.run(_all(clients, lambda n: echoed(peer.address, until, pause, echo)))
        peer_cpu = 1000 * (peer.cpu_seconds() - used) / max(len(echo), 1)
    finally:
        peer.end()
    store = Store.open(folder / "station", database)
    films_each = 3 + int(seconds / (STROKES_A_FILM * max(pause, 0.01)))
    sessions = station(store, clients, films_each)
    load, memory = Load(), [0.0, 0.0]
    server = Process.start(_serve, ServerSettings(folder / "station", database, port=0))
    try:
        until = time.perf_counter() + seconds
        used = server.cpu_seconds()

        async def everybody() -> None:
            async def look() -> None:
                await asyncio.sleep(WARM_UP * seconds)
                memory[0] = server.memory_mb()

            readers = (
                reader(server.address, own, Late.of(n / clients, seconds), until, pause, load)
                for n, own in enumerate(sessions)
            )
            await asyncio.gather(look(), *readers)

        asyncio.run(everybody())
        memory[1] = server.memory_mb()
        requests = max(len(load.saves) + len(load.others), 1)
        cpu = 1000 * (server.cpu_seconds() - used) / requests
    finally:
        server.end()
    with store.read() as c:
        rows = tuple(
            c.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (schema.strokes, schema.revisions)
        )
        chain = audit.verify(c).broken is None
    store.close()
    for line in sorted(set(load.errors)):
        sys.stderr.write(f"{load.errors.count(line)} x {line}\n")
    return Result(
        clients, seconds, pause, "postgresql" if database else "sqlite",
        Quantiles.of(load.saves), Quantiles.of(load.others), Quantiles.of(echo),
        Quantiles.of(bare), len(load.errors), (load.strokes, load.decisions),
        (rows[0], rows[1]), chain, (round(cpu, 2), round(peer_cpu, 2)), (memory[0], memory[1]),
        (before, os.getloadavg()[0]),
    )  # fmt: skip


def told(r: Result) -> str:
    """A result in lines."""
    growth = 100 * (r.memory_mb[1] / r.memory_mb[0] - 1) if r.memory_mb[0] else float("nan")
    rows = [("save of a stroke", r.saves), ("other requests", r.others)]
    rows += [("peer: Starlette, keeps nothing", r.echo), ("peer: bare SQLite commit", r.commits)]
    table = [f"{name:32}{q.count:8}{q.p50:10}{q.p95:10}{q.p99:10}" for name, q in rows]
    return "\n".join(
        [
            f"{r.clients} clients, {r.seconds:g} s, pause {r.pause:g} s, {r.database}; "
            f"load average {r.load_average[0]:.1f} to {r.load_average[1]:.1f}",
            f"{'milliseconds':32}{'count':>8}{'p50':>10}{'p95':>10}{'p99':>10}",
            *table,
            f"save p95 over Starlette's {r.saves.p95 / r.echo.p95:.2f}, "
            f"over a bare commit's {r.saves.p95 / r.commits.p95:.1f}",
            f"processor time of a request {r.cpu_ms[0]} ms, Starlette's {r.cpu_ms[1]} ms",
            f"errors {r.errors}; strokes and decisions acknowledged {r.acknowledged}, "
            f"rows {r.rows}; audit chain {'unbroken' if r.chain else 'BROKEN'}",
            f"server memory {r.memory_mb[0]} to {r.memory_mb[1]} MB ({growth:+.1f} %)",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where something failed or was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--database")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="infmap-load-") as folder:
        result = measure(given.clients, given.seconds, given.pause, given.database, Path(folder))
    sys.stdout.write(told(result) + "\n")
    if given.json:
        given.json.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    return 0 if result.kept else 1


if __name__ == "__main__":
    sys.exit(main())
