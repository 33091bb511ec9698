"""Mutants sent to a real server: of films and archives, and of the requests that bring them.

A part of ``fuzz.py --http``. Some are films in requests that are sound, at once or in a job; the
others are requests changed byte by byte and by their structure: head lines dropped, doubled and
exchanged, lengths and chunks that are not true, paths, methods and JSON that nobody would write.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from fuzz_films import MEMORY, seeds
from mutants import mutate

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.serve.items import CRASHED
from infmap.serve.server import ServerSettings, serve
from infmap.serve.worker import TOO_SLOW
from infmap.web.serving import Listen

CLIENTS = 8
"""Requests under way at once."""
SLOW = 5.0
"""Seconds for an answer; a busy machine may take longer once, so such a mutant is sent again."""
GIVE_UP = 120.0
"""Seconds after which no answer is waited for any more."""
QUIET = 0.2
"""Seconds until a server that says nothing to a request is told that no more of it comes."""
LOOK_EVERY = 100
"""Mutants between two looks at the server's memory."""
HEADERS = (
    "Content-Length: {n}", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
    "Content-Encoding: gzip", "Expect: 100-continue", "Host: example.org", "Host:",
    "Connection: close, te", "Upgrade: websocket", "Content-Type: application/json",
    "Content-Type: multipart/form-data; boundary=x", "Range: bytes=0-{n}", "Origin: null",
    "Authorization: Bearer {text}", "Cookie: infmap={text}", "X-Forwarded-For: {text}",
    "Last-Event-ID: {n}", "Accept-Encoding: {text}", "{text}: {text}", ": {n}", "X\tY: 1",
    "If-None-Match: {text}", "Content-Length: +{n}", "Content-Length: {n}, {n}",
)  # fmt: skip
"""Head lines that are added; ``n`` is an extreme number, ``text`` is noise."""
NUMBERS = (0, 1, -1, 7, 255, 4096, 65536, 2**31, 2**32, 2**63, 10**30)
PATHS = (
    "/", "//", "/v1", "/v1/", "/v1/films", "/v1/films/", "/v1/jobs/{text}", "/v1/films/{text}",
    "/v1/films/{text}/map?layer={text}", "/v1/jobs/{text}/films/{text}", "/v1/me", "/v1/session",
    "/v1/jobs/{text}/events", "/web/../{text}", "/web/%2e%2e/%2e%2e/etc/passwd", "/viewer/{text}",
    "/metrics", "/readyz", "/openapi.json", "/v1/films?name={text}&threshold={n}&wait=0",
    "/v1/films?wait={n}", "*", "http://other/{text}", "/{text}?{text}#{text}",
)  # fmt: skip


@dataclass
class Counts:
    """How requests ended.

    Attributes:
        ended: number by what came back.
        peak_mib: most memory of one process of the server so far.
        slow: mutants that took too long, to be sent again.
        told: what went wrong, a line each.
    """

    ended: Counter[str] = field(default_factory=Counter)
    peak_mib: int = 0
    slow: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


class Sender:
    """Makes the mutant of a number and sends it.

    Args:
        port: of the server on this machine.
        films: that are mutated.
        seed: of all mutants.
    """

    def __init__(self, port: int, films: list[bytes], seed: int) -> None:
        self.port, self.films, self.seed = port, films, seed
        self.counts = Counts()

    async def send(self, number: int, again: bool = False) -> None:
        """Send one mutant; counts how it ended."""
        draw = random.Random(f"http/{self.seed}/{number}")
        film = mutate(self.films[number % len(self.films)], draw)
        began = time.monotonic()
        # Another threshold is another result: what was read before is read again.
        threshold = 0.25 if again else 0.5
        kind = draw.random()
        try:
            if kind < 0.45:
                path = f"/v1/films?name={number}&wait=60&threshold={threshold}"
                answers = [await self._ask(request("POST", path, film))]
            elif kind < 0.65:
                answers = await self._job(number, film, draw, threshold)
            else:
                data = changed(self._sound(film, draw), draw)
                began = time.monotonic()  # one of 200 MB takes seconds to make
                answers = [await self._ask(data, whole=False)]
        except OSError as error:
            answers = [(0, type(error).__name__.encode())]
        for status, body in answers:
            self._count(number, status, body, time.monotonic() - began, again)
        self.counts.ended["sent"] += not again

    async def send_sound(self, number: int) -> None:
        """Send a film that is as it should be; a server that does not read it is dead.

        Args:
            number: another one makes another threshold, so that nothing kept is the answer.
        """
        path = f"/v1/films?name=sound&wait=60&threshold={1 / (3 + number + os.getpid())}"
        try:
            status, body = await self._ask(request("POST", path, self.films[0]))
        except OSError:
            status, body = 0, b"no connection"
        if status not in (200, 422):
            self.counts.ended["dead"] += 1
            self.counts.told.append(f"a sound film: {status} {body[:200].decode()}")

    async def _job(
        self, number: int, film: bytes, draw: random.Random, threshold: float
    ) -> list[tuple[int, bytes]]:
        """A job of the film, which is sent to it, and its state."""
        digest = hashlib.sha256(film).hexdigest()
        told = {"name": f"{number}", "sha256": digest, "size": max(1, len(film))}
        whole = json.dumps({"films": [told], "threshold": threshold}).encode()
        made = await self._ask(request("POST", "/v1/jobs", whole, "application/json"))
        answers = [made]
        if made[0] == 201:
            job = f"/v1/jobs/{json.loads(made[1])['id']}"
            sent = draw.choice((film, film, film, film[: len(film) // 2]))
            answers.append(await self._ask(request("PUT", f"{job}/films/{digest}", sent)))
            answers.append(await self._ask(request("GET", job, b"")))
            if draw.random() < 0.3:
                answers.append(await self._ask(request("DELETE", job, b"")))
        return answers

    def _sound(self, film: bytes, draw: random.Random) -> bytes:
        """A request that is as it should be, to be changed."""
        kind = draw.randrange(5)
        if kind == 0:
            return request("POST", "/v1/films?wait=0", film[:4096])
        if kind == 1:
            body = json.dumps(odd(draw, 0)).encode()
            if draw.random() < 0.2:  # deeper than any parser's stack
                body = b"[" * 100_000 + b"]" * 100_000
            return request("POST", "/v1/jobs", body, "application/json")
        if kind == 2:
            return request("POST", "/v1/session", json.dumps({"key": "k"}).encode())
        method = draw.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "PRI"))
        return request(method, filled(draw.choice(PATHS), draw), film[: draw.choice((0, 0, 300))])

    async def _ask(self, data: bytes, whole: bool = True) -> tuple[int, bytes]:
        """Status and body of the answer; 0 where the connection was closed without one.

        Args:
            data: the request.
            whole: it ends where its head says, and asks for the connection to be closed then.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        try:
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()
            answer = asyncio.ensure_future(answered(reader))
            # A server that expects more would wait until the time of the head or the body is over,
            # and one that has answered for the next request.
            done, _ = await asyncio.wait([answer], timeout=QUIET)
            if not done and not whole:
                with suppress(OSError):
                    writer.write_eof()
            return await asyncio.wait_for(answer, GIVE_UP)
        except TimeoutError:
            return -1, b""
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _count(self, number: int, status: int, body: bytes, seconds: float, again: bool) -> None:
        counts = self.counts
        text = body.decode(errors="replace")
        counts.ended["no answer" if status <= 0 else f"status {status // 100}xx"] += 1
        if status >= 500:
            counts.told.append(f"mutant {number} of seed {self.seed}: {status} {text[:200]}")
        if CRASHED in text:  # a decoder's fault: it costs its film, and its process
            counts.ended["reader ended"] += 1
        if seconds > SLOW or TOO_SLOW in text or status < 0:
            if again:
                counts.ended["slow"] += 1
                counts.told.append(f"mutant {number} of seed {self.seed}: {seconds:.1f} s")
            elif number not in counts.slow:
                counts.slow.append(number)


def request(method: str, path: str, body: bytes, media: str = "application/octet-stream") -> bytes:
    """A request that is as it should be."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def changed(data: bytes, draw: random.Random) -> bytes:
    """A request that is not as it should be: its head by lines and bytes, its body by chunks."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(draw.choice((1, 1, 2, 3))):
        kind, at = draw.randrange(8), draw.randrange(len(lines))
        if kind == 0:
            lines.insert(max(1, at), filled(draw.choice(HEADERS), draw).encode("latin-1", "ignore"))
        elif kind == 1 and len(lines) > 1:
            del lines[at]
        elif kind == 2:
            lines.insert(at, draw.choice(lines))
        elif kind == 3:
            line = bytearray(lines[at] or b"x")
            line[draw.randrange(len(line))] = draw.randrange(256)
            lines[at] = bytes(line)
        elif kind == 4:
            lines = [n for n in lines if not n.lower().startswith(b"content-length")] or [b""]
            lines.append(b"Content-Length: %d" % draw.choice((*NUMBERS, len(body) + 1)))
        elif kind == 5:
            lines = [n for n in lines if not n.lower().startswith(b"content-length")] or [b""]
            lines.append(b"Transfer-Encoding: chunked")
            body = chunked(body, draw)
        elif kind == 6:
            lines[at] += b"x" * draw.choice((10, 1000, 100_000))
        elif body:
            spoilt = bytearray(body)
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
            body = bytes(spoilt)
    end = draw.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"))
    return end.join(lines) + end + end + body


def chunked(body: bytes, draw: random.Random) -> bytes:
    """A body in chunks, whose sizes are not always true."""
    pieces, at = [], 0
    while at < len(body):
        piece = body[at : at + draw.choice((1, 100, 4096))]
        size = b"%x" % len(piece)
        if draw.random() < 0.1:
            size = draw.choice((b"0", b"-1", b"ffffffffffffffff", b"xyz", b"", b"1;a=" + b"b" * 99))
        pieces.append(size + b"\r\n" + piece + b"\r\n")
        at += len(piece)
        if len(pieces) > 200:
            break
    return b"".join(pieces) + draw.choice((b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b""))


def odd(draw: random.Random, depth: int) -> object:
    """A job's JSON object, or anything else in its place."""
    sound: dict[str, object] = {
        "films": [{"name": "a", "sha256": "0" * 64, "size": 1}], "models": [DEFAULT_MODEL],
        "threshold": 0.5, "id": "A" * 22,
    }  # fmt: skip
    for _ in range(draw.randrange(4)):
        inner = draw.choice((sound, sound["films"]))
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            inner = inner[0]
        if isinstance(inner, dict) and inner:
            inner[draw.choice([*inner, "other"])] = _value(draw, depth)
    return sound if draw.random() < 0.9 else _value(draw, depth)


def _value(draw: random.Random, depth: int) -> object:
    if depth < 3 and draw.random() < 0.3:
        return [odd(draw, depth + 1)] * draw.choice((0, 1, 100))
    scalars = (
        None, True, -1, 0, 1e308, 2**64, float("nan"), "", "\0", "\ud800", "a" * 5000, {}, [],
        "../../etc/passwd", "0" * 64, "F" * 64, DEFAULT_MODEL, [[]],
    )  # fmt: skip
    return draw.choice(scalars)


def filled(text: str, draw: random.Random) -> str:
    """A pattern with noise and extreme numbers in its places."""
    noise = ("%00", "..", "%2e%2e%2f", "\xff", "a" * 3000, "%ud800", "0" * 64, "A" * 22, "é", "'")
    return text.replace("{n}", str(draw.choice(NUMBERS))).replace("{text}", draw.choice(noise))


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status of an answer and what follows its head; 0 without one."""
    data = await reader.read(2**20)
    while piece := await reader.read(2**20):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), body


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """A server of its own in a process of its own: its process id and port."""
    context = multiprocessing.get_context("spawn")
    said, theirs = context.Pipe(duplex=False)
    settings = ServerSettings(
        {DEFAULT_MODEL: model_folder()}, folder / "server", listen=Listen(), processes=2
    )
    server = context.Process(target=_serve, args=(settings, str(folder / "log"), theirs))
    server.start()
    theirs.close()
    try:
        yield server.pid or 0, int(said.recv().rstrip("/").rpartition(":")[2])
    finally:
        server.terminate()
        server.join()


def _serve(settings: ServerSettings, log: str, out: Connection) -> None:
    sys.stderr = open(log, "w")  # noqa: SIM115  # a line a request; those of errors are told
    serve(settings, lambda line: out.send(line.split(" ")[-1]))


def peak_mib(pid: int) -> int:
    """Most memory that any process of a tree has held, MiB; those that ended are not known."""
    most = 0
    with suppress(OSError):  # a process that has just ended
        status = Path(f"/proc/{pid}/status").read_text()
        most = int(status.partition("VmHWM:")[2].split()[0]) >> 10
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            most = max([most, *(peak_mib(int(child)) for child in task.read_text().split())])
    return most


def block(first: int, count: int, seed: int, until: float) -> Counter[str]:
    """Send mutants to a new server, until a monotonic time at most; how they ended."""
    with tempfile.TemporaryDirectory(prefix="infmap-fuzz-") as made:
        with serving(Path(made)) as (pid, port):
            sender = Sender(port, seeds(), seed)
            asyncio.run(_all(sender, pid, range(first, first + count), until))
        # Also of requests whose client did not wait for an answer.
        log = (Path(made) / "log").read_text().splitlines()
    errors = [line for line in log if '"level": "error"' in line]
    for line in (*sender.counts.told[:20], *errors[:5]):
        sys.stderr.write(f"{line}\n")
    peak = sender.counts.peak_mib
    told = {"errors logged": len(errors), "peak_mib": peak, "memory": int(peak > MEMORY >> 20)}
    return Counter({**sender.counts.ended, **told})


async def _all(sender: Sender, pid: int, numbers: range, until: float) -> None:
    counts = sender.counts
    await sender.send_sound(0)  # answered once processes read films: before, /readyz is a 503
    waiting = iter(numbers)

    async def client() -> None:
        for number in waiting:
            if time.monotonic() > until or counts.ended["dead"]:
                return
            await sender.send(number)
            if number % LOOK_EVERY == 0:
                counts.peak_mib = max(counts.peak_mib, peak_mib(pid))
                sys.stderr.write(f"{json.dumps(counts.ended)}\n")
                # A server whose process is gone refuses the connection.
                counts.ended["dead"] += not Path(f"/proc/{pid}").exists()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    for number in counts.slow:
        await sender.send(number, again=True)
    counts.peak_mib = max(counts.peak_mib, peak_mib(pid))
    await sender.send_sound(1)  # it is alive, and reads films as before
