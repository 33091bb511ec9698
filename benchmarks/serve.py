"""Films over HTTP against the same films in a folder: films a second, processor time, memory.

    python benchmarks/serve.py [--films png|dicom] [--clients 64] [--seconds 300] [--rounds 3]
                               [--processes N] [--json FILE]

``png``: rendered films of 256 x 256, 8 bits; ``dicom``: of 3000 x 3000, 12 bits, 18 MB each.
Each film has bytes of its own, so that none is known already. Clients send one film at a time by
``POST /v1/films``, each on a connection of its own, and wait for the answer. In turn with it, in
every round, the batch workflow of ``infmap predict`` reads as many films from a folder, with all
that it writes: four planes a film, as the server does. Both are measured after a first part of
their time, in which models are loaded and caches filled, and until the last film is sent; the
server also not before its processes have read ``WARM_FILMS`` films each, however long that takes,
so that growth of memory is not that of a process that has just begun.

One round's films and results are on the disk at a time, the server's or the batch's: for 300 s at
3.5 films a second 20 GB of ``dicom``, at 75 a second 4 GB of ``png``.

Clients cost processor time on the same machine; theirs is stated, and is not the server's.
Printed in the end are the medians of the rounds, as JSON; ``--json`` keeps every round beside
them, with the load average at its beginning. Exit status 1 where a film was not read; the figures
are reported, not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import shutil
import statistics
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.api import DEFAULT_MODEL, load, model_folder
from infmap.dicom.write import write_dx
from infmap.phantom import render
from infmap.report.lines import PredictionLine
from infmap.serve.server import ServerSettings, serve
from infmap.web.serving import Listen
from infmap.workflows.predict import Run, predict_films, workers_for

SIDES = {"png": 256, "dicom": 3000}
# Share of the time that is not measured, and films a reading process at least: models are loaded,
# caches filled, and memory grows over the first 32 films of 256 x 256, or 6 of 3000 x 3000. By
# films as well, since a busy machine reads few in that time.
WARM_UP = 0.15
WARM_FILMS = 40
EVERY = 5.0  # seconds between looks at the processes: each look at their memory costs them time
WAIT = 120  # seconds that a client waits for one film
PROCESSES = multiprocessing.get_context("spawn")
TICKS = os.sysconf("SC_CLK_TCK")
# A number of ten digits in each film's bytes: it makes them the film's own and changes no length.
MARK = b"0123456789"


@dataclass(frozen=True)
class Batch:
    """One run over a folder.

    Attributes:
        films: read while it was measured.
        per_second: films.
        cpu: processor seconds of a film.
        bad: films that were not assessed.
    """

    films: int
    per_second: float
    cpu: float
    bad: int


@dataclass(frozen=True)
class Served:
    """One run over HTTP.

    Attributes:
        films: read while it was measured.
        per_second: films.
        cpu: processor seconds of a film, server and its processes.
        client_cpu: of a film, the clients'.
        p50: milliseconds from the first byte sent to the answer.
        p95: the same.
        memory_mb: server and its processes, means over the first and the last third of the time
            measured: a large film in a process is hundreds of megabytes that come and go.
        bad: films that were not assessed.
    """

    films: int
    per_second: float
    cpu: float
    client_cpu: float
    p50: float
    p95: float
    memory_mb: tuple[float, float]
    bad: int


@dataclass(frozen=True)
class Round:
    """A server and the batch after it.

    Attributes:
        served: over HTTP.
        batch: of as many films.
        load_average: of the machine before both, one minute's.
    """

    served: Served
    batch: Batch
    load_average: float

    @property
    def share(self) -> float:
        """Films a second of the batch's."""
        return self.served.per_second / self.batch.per_second

    @property
    def cpu(self) -> float:
        """Processor time a film of the batch's."""
        return self.served.cpu / self.batch.cpu

    @property
    def grown(self) -> float:
        """Memory in the last third over memory in the first, less one."""
        return self.served.memory_mb[1] / self.served.memory_mb[0] - 1


@dataclass
class Times:
    """What clients saw: moment of each answer, seconds that it took, and what was no result."""

    at: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", choices=sorted(SIDES), default="png")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, help="of the server, that read films")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="infmap-serve-") as made:
        work = Path(made)
        film = marked(options.films, work)
        numbers = itertools.count()
        batch_films = 0
        for number in range(options.rounds):
            load_average = os.getloadavg()[0]
            settings = ServerSettings(
                {DEFAULT_MODEL: model_folder()},
                work / "server",
                listen=Listen(),
                processes=options.processes,
            )
            served = serving(film, numbers, options.clients, options.seconds, settings)
            # As many as the server read: both run for about the same time.
            batch_films = batch_films or max(8, served.films)
            batch = batching(film, numbers, batch_films, options.films, work / f"batch{number}")
            one = Round(served, batch, load_average)
            rounds.append(one)
            sys.stderr.write(
                f"{options.films} round {number + 1}: served {served.per_second:.2f} films/s, "
                f"batch {batch.per_second:.2f}, share {one.share:.2f}; cpu a film {served.cpu:.3f} "
                f"and {batch.cpu:.3f} s, {one.cpu:.2f} x (clients {served.client_cpu:.3f} s); p50 "
                f"{served.p50:.0f} ms, p95 {served.p95:.0f} ms; memory {one.grown:+.1%}; load "
                f"average before it {load_average:.1f}\n"
            )
    summary = {"films": options.films, **medians(rounds)}
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    if options.json:
        every = {"summary": summary, "settings": {
            "clients": options.clients, "seconds": options.seconds,
            "processes": settings.readers, "cores": os.cpu_count(),
        }, "rounds": [asdict(one) for one in rounds]}  # fmt: skip
        options.json.write_text(json.dumps(every, indent=2))
    return 1 if any(one.served.bad or one.batch.bad for one in rounds) else 0


def medians(rounds: list[Round]) -> dict[str, float]:
    """What the rounds come to, the middle one of each figure."""
    return {
        "rounds": len(rounds),
        "share_of_batch": round(statistics.median(one.share for one in rounds), 3),
        "cpu_of_batch": round(statistics.median(one.cpu for one in rounds), 3),
        "memory_growth": round(statistics.median(one.grown for one in rounds), 3),
        "films_per_second": round(statistics.median(one.served.per_second for one in rounds), 2),
        "p50_ms": round(statistics.median(one.served.p50 for one in rounds)),
        "p95_ms": round(statistics.median(one.served.p95 for one in rounds)),
    }


def marked(kind: str, work: Path) -> bytes:
    """A film whose bytes hold ``MARK`` where any ten digits may stand."""
    pixels = render(15, size=SIDES[kind], opacities=3).pixels
    if kind == "png":
        path = work / "film.png"
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path)
        data = path.read_bytes()
        return data[:-12] + text_chunk(MARK) + data[-12:]  # before the last chunk, IEND
    path = work / "film.dcm"
    spacing = (0.14, 0.14)
    levels = np.round(pixels * 4095).astype(np.uint16)
    write_dx(path, levels, spacing_mm=spacing, patient_id=MARK.decode())
    return path.read_bytes()


def text_chunk(text: bytes) -> bytes:
    """A tEXt chunk of PNG."""
    body = b"tEXtnumber\0" + text
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def numbered(film: bytes, number: int) -> bytes:
    """The film with a number of its own, and a checksum that fits it."""
    text = b"%010d" % number
    if film.startswith(b"\x89PNG"):
        return film.replace(text_chunk(MARK), text_chunk(text), 1)
    return film.replace(MARK, text)


def serving(
    film: bytes, numbers: Iterator[int], clients: int, seconds: float, settings: ServerSettings
) -> Served:
    """Measure a server that is new."""
    os.sync()  # what an earlier round left to write is not this one's to wait for
    said, theirs = PROCESSES.Pipe(duplex=False)
    server = PROCESSES.Process(target=_serve, args=(settings, theirs))
    server.start()
    theirs.close()
    port = int(said.recv().rstrip("/").rpartition(":")[2])
    pid = server.pid or 0
    try:
        # One film first: models are loaded when it is answered.
        asyncio.run(load_with(port, film, numbers, 1, lambda times: len(times.at) >= 1))
        began = time.monotonic()
        marks: list[Snapshot] = []

        warm_films = WARM_FILMS * settings.readers

        def is_over(times: Times) -> bool:
            at = time.monotonic()
            if not marks:
                if at - began > WARM_UP * seconds and len(times.at) >= warm_films:
                    marks.append(snapshot(pid))
                return False
            # None once it is over: fewer and fewer clients are left until all is answered.
            end = marks[0].at + (1 - WARM_UP) * seconds
            if marks[-1].at + EVERY < at and marks[-1].at <= end:
                marks.append(snapshot(pid))
            return at > end

        times = asyncio.run(load_with(port, film, numbers, clients, is_over))
        marks += [snapshot(pid)] * (2 - len(marks))  # so few films that no moment was met
    finally:
        server.terminate()
        server.join()
        shutil.rmtree(settings.folder)
    first, last = marks[0], marks[-1]
    inside = [
        took for at, took in zip(times.at, times.took, strict=True) if first.at < at <= last.at
    ]
    third = -(-len(marks) // 3)
    memory = tuple(
        statistics.mean(mark.memory for mark in part) for part in (marks[:third], marks[-third:])
    )
    films = max(1, len(inside))
    p50, p95 = np.quantile(np.array(inside or [float("nan")]) * 1000, [0.5, 0.95])
    for line in times.bad[:3]:
        sys.stderr.write(f"{line}\n")
    return Served(
        len(inside), len(inside) / (last.at - first.at), (last.cpu - first.cpu) / films,
        (last.own - first.own) / films, float(p50), float(p95), (memory[0], memory[1]),
        len(times.bad),
    )  # fmt: skip


def _serve(settings: ServerSettings, out: Connection) -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # the log, a line a request
    serve(settings, lambda line: out.send(line.split(" ")[-1]))


async def load_with(
    port: int, film: bytes, numbers: Iterator[int], clients: int, over: Callable[[Times], bool]
) -> Times:
    """Clients that send films until it is over; films under way are waited for."""
    times = Times()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not over(times):
            number = next(numbers)
            body = numbered(film, number)
            head = (
                f"POST /v1/films?name={number}&wait={WAIT} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            began = time.monotonic()
            writer.write(head.encode())
            writer.write(body)
            await writer.drain()
            status, answer = await answered(reader)
            while status == 202:  # so many films are before it that its time is over: ask again
                job = json.loads(answer)["job"]
                await asyncio.sleep(1)
                writer.write(f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                status, whole = await answered(reader)
                if status == 200 and json.loads(whole)["state"] == "open":
                    status = 202
                elif status == 200 and not json.loads(whole)["counts"]["done"]:
                    status, answer = 422, whole
            times.at.append(time.monotonic())
            times.took.append(times.at[-1] - began)
            if status != 200:
                times.bad.append(f"{status}: {answer[:200].decode()}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body; a client library would cost more than the server's own work."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split(" ")[1]), await reader.readexactly(length)


@dataclass(frozen=True)
class Snapshot:
    """A moment: processor seconds and megabytes of a process tree; own processor seconds."""

    at: float
    cpu: float
    memory: float
    own: float


def snapshot(pid: int) -> Snapshot:
    """What a process tree is and has taken at this moment."""
    cpu = memory = 0.0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            smaps = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue  # it has just ended; its parent has its time
        cpu += sum(map(int, fields[11:15])) / TICKS
        # Shared pages count by their share: the model is mapped into several processes.
        memory += int(smaps.partition("\nPss:")[2].split()[0]) / 1024
    return Snapshot(time.monotonic(), cpu, memory, time.process_time())


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def batching(film: bytes, numbers: Iterator[int], films: int, kind: str, work: Path) -> Batch:
    """Measure the batch workflow in a process of its own."""
    folder = work / "films"
    folder.mkdir(parents=True)
    for _ in range(films):
        number = next(numbers)
        ending = "png" if kind == "png" else "dcm"
        (folder / f"{number}.{ending}").write_bytes(numbered(film, number))
    os.sync()  # its films are on the disk, as the server's are when it is done
    said, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_batch, args=(folder, work / "out", theirs))
    process.start()
    theirs.close()
    batch: Batch = said.recv()
    process.join()
    shutil.rmtree(work)
    return batch


def _batch(folder: Path, out: Path, to: Connection) -> None:
    model = load(DEFAULT_MODEL)
    paths = sorted(str(path) for path in folder.iterdir())
    marks: list[tuple[float, float]] = []
    bad: list[str] = []

    def tell(line: PredictionLine) -> None:
        used = sum(os.times()[:4])
        marks.append((time.monotonic(), used))
        if line["status"] != "ok":
            bad.append(str(line.get("reason")))

    run = Run(out, workers=workers_for(len(paths)))
    predict_films(model, paths, run, tell=tell)
    first = round(WARM_UP * len(marks))
    (since, cpu), (until, cpu_end) = marks[first], marks[-1]
    films = len(marks) - 1 - first
    to.send(Batch(films, films / (until - since), (cpu_end - cpu) / films, len(bad)))


if __name__ == "__main__":
    sys.exit(main())
