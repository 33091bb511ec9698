"""Mutated films and archives through what reads them: does anything but an error of one film come?

    python benchmarks/fuzz.py [--mutants 300000] [--first 0] [--seconds S] [--seed 0] [--cover]
                              [--processes N] [--http]

Films in every encoding of ``film_encodings`` and zip files of them are changed, half of them by
their structure (``mutants``: fields set to extremes, records dropped, doubled, exchanged) and half
byte by byte, and read as the server's workers read them: header and pixels under a limit of 2 GiB,
archives unpacked. Counted are mutants that end the process that reads, take longer than 5 s of CPU
time, need more memory, or raise anything but an error of one film. A decoder process that ends
costs one film, and is counted apart. Exit status 1 where one of the first four is not 0.
``--cover`` measures which share of the lines of the readers ran, in the process that reads.
A mutant is made of the seed and its number alone: ``--first`` goes on where another run ended.

``--http`` sends mutants to a real server instead, of films and of requests (``fuzz_http``).
Counted are answers of 500 and above, errors in its log, answers that take longer than 5 s twice,
and a server that ends or reads no film any more; the most memory of any of its processes is stated.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import mutants  # noqa: E402
from film_encodings import encodings  # noqa: E402

from infmap.compute.memory import limited_memory  # noqa: E402
from infmap.core.errors import FilmError, RejectedFilm  # noqa: E402
from infmap.dicom import read_radiograph  # noqa: E402
from infmap.phantom import render  # noqa: E402
from infmap.serve.archive import extract  # noqa: E402
from infmap.serve.writing import header_of  # noqa: E402

SLOW = 5.0
MEMORY = 2 << 30
"""Bytes that reading one film may take, as in the server's workers."""
BAD = ("aborts", "slow", "memory", "foreign")
"""What must not happen."""
COVERED = ("dicom", "serve/archive.py", "serve/writing.py")
"""Readers, below src/infmap."""
WRITERS = [f"*/dicom/{name}" for name in (
    "network/*", "seg.py", "sr*.py", "sc.py", "gsps.py", "pdf.py", "write.py", "derived.py",
    "drawn_seg.py", "plain_film.py", "header.py", "regions.py", "outline.py", "codes.py",
    "uids.py", "moment.py", "findings.py", "elements.py", "decoder_process.py", "arrays.py",
    "codecs.py", "codestream.py", "damage.py",
)]  # fmt: skip
"""Modules that write, or that run in decoder processes, where nothing is measured."""
_NUMBERS = (b"\0\0", b"\xff\xff", b"\x01\0", b"\0\x80", b"\xff\x7f", b"\xff\xff\xff\xff")


def seeds(size: int = 64) -> list[bytes]:
    """A phantom film in every encoding, small so that mutations meet headers often."""
    film = render(3, size=size, opacities=2).pixels
    low, high = float(film.min()), float(film.max())
    films = list(encodings(((film - low) / (high - low)).astype(np.float32)).values())
    return films + [archive_of(films[:3], method) for method in (0, 8, 12, 14)]


def archive_of(films: list[bytes], method: int) -> bytes:
    """A zip file of films, stored, deflated, by bzip2 or by LZMA."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for number, film in enumerate(films):
            made.writestr(f"films/{number}.png", film)
    return stream.getvalue()


def read(data: bytes, folder: Path) -> str:
    """Read a film, or unpack an archive, as the server does; how it ended."""
    if data.startswith(b"PK\x03\x04"):
        (folder / "in.zip").write_bytes(data)
        said = extract(str(folder / "in.zip"), str(folder))
        for path in folder.iterdir():
            if path.name != "in.zip" and not path.name.isdigit():
                raise RuntimeError(f"a member was written as {path.name}")
            path.unlink()
        return "read" if isinstance(said, dict) and "members" in said else "failed"
    with limited_memory(MEMORY):
        header_of(data)
        read_radiograph(data, name="mutant", max_pixels=4_000_000)
    return "read"


def mutate(data: bytes, draw: random.Random) -> bytes:
    """One mutant, by structure or by bytes."""
    return mutants.mutate(data, draw) if draw.random() < 0.5 else mutate_bytes(data, draw)


def mutate_bytes(data: bytes, draw: random.Random) -> bytes:
    """One mutant; half of the changes fall on the first kilobytes, where headers lie."""
    body = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        near = min(len(body), 2048) if draw.random() < 0.5 else len(body)
        at = draw.randrange(max(1, near))
        kind = draw.randrange(7)
        if kind == 0 and at < len(body):
            body[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(body):
            body[at] = draw.randrange(256)
        elif kind == 2:
            body[at : at + 4] = draw.choice(_NUMBERS)
        elif kind == 3 and draw.random() < 0.3:
            del body[at:]
        elif kind == 4:
            piece = bytes(body[at : at + draw.randrange(1, 64)])
            to = draw.randrange(len(body) + 1)
            body[to:to] = piece
        elif kind == 5:
            del body[at : at + draw.randrange(1, 32)]
        else:
            count = draw.randrange(1, 200)
            body[at : at + count] = bytes([draw.choice((0, 255))]) * count
    return bytes(body)


def fuzz(first: int, count: int, seconds: float = float("inf"), seed: int = 0) -> Counter[str]:
    """Read so many mutants, in so many seconds at most; how each ended."""
    films = seeds()
    found: Counter[str] = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            if time.monotonic() - started > seconds:
                break
            draw = random.Random(f"{seed}/{number}")
            data = mutate(films[number % len(films)], draw)
            begun = time.process_time()
            try:
                found[read(data, Path(folder))] += 1
            except RejectedFilm:
                found["rejected"] += 1
            except FilmError as error:
                found["failed"] += 1
                found["decoder ended"] += "stops the decoder" in error.reason
                found["slow"] += "takes too long" in error.reason
            except MemoryError:
                found["memory"] += 1
                sys.stderr.write(f"mutant {number} of seed {seed}: memory\n")
            except Exception as error:
                found["foreign"] += 1
                named = f"{type(error).__name__}: {error}"
                sys.stderr.write(f"mutant {number} of seed {seed}: {named}\n")
            if time.process_time() - begun > SLOW:
                found["slow"] += 1
                sys.stderr.write(f"mutant {number} of seed {seed}: slow\n")
    # Of the whole process, kilobytes on Linux: interpreter and libraries included.
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return found


def covered(first: int, count: int, seconds: float, seed: int) -> Counter[str]:
    """As ``fuzz``, with "lines" and "ran": those of the readers, and those of them that ran."""
    # This folder has a benchmark of the library's name.
    here = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != here]
    import coverage

    root = Path(__file__).resolve().parents[1] / "src" / "infmap"
    include = [str(root / part / "*" if "." not in part else root / part) for part in COVERED]
    # Lines of objects that are written, not read, are no reader's.
    measured = coverage.Coverage(data_file=None, config_file=False, include=include, omit=WRITERS)
    measured.start()
    found = fuzz(first, count, seconds, seed)
    measured.stop()
    for file in measured.get_data().measured_files():
        _, lines, _, missing, _ = measured.analysis2(file)
        found["lines"] += len(lines)
        found["ran"] += len(lines) - len(missing)
    return found


def _chunks(first: int, total: int, seed: int, cover: bool) -> Iterator[tuple[int, int, int]]:
    # A process takes two seconds to begin; one that ends loses the counts of its chunk.
    size = 2000 if cover else 10_000
    for begin in range(first, first + total, size):
        yield begin, min(size, first + total - begin), seed


def _one(  # type: ignore[type-arg]
    given: tuple[int, int, float, int], cover: bool, queue: multiprocessing.SimpleQueue
) -> None:
    queue.put(dict((covered if cover else fuzz)(*given)))


def _chunk(given: tuple[int, int, int], until: float, cover: bool) -> Counter[str]:
    """One chunk in a process of its own; how its mutants ended, or that the process did."""
    first, count, seed = given
    left = until - time.monotonic()
    if left <= 0:
        return Counter()
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=_one, args=((first, count, left, seed), cover, queue))
    process.start()
    process.join()
    if process.exitcode:
        sys.stderr.write(f"a process over mutants from {first} ended: {process.exitcode}\n")
        return Counter(aborts=1)
    return Counter(queue.get())


def films_apart(given: argparse.Namespace) -> dict[str, float]:
    """Mutants through the readers, in processes; what is printed."""
    total: Counter[str] = Counter()
    started = time.monotonic()
    most: Counter[str] = Counter()
    chunks = _chunks(given.first, given.mutants, given.seed, given.cover)
    with ThreadPoolExecutor(given.processes) as pool:
        until = started + given.seconds
        for found in pool.map(lambda chunk: _chunk(chunk, until, given.cover), chunks):
            # Lines of one process at a time: those that ran in any are not known.
            for name in ("peak_mib", "lines", "ran"):
                most[name] = max(most[name], found.pop(name, 0))
            total.update(found)
            sys.stderr.write(f"{json.dumps(total)}\n")
    ended = ("read", "rejected", "failed", "memory", "foreign")
    counts: dict[str, float] = {"mutants": sum(total[name] for name in ended)}
    for name in (*BAD, "read", "rejected", "failed", "decoder ended"):
        counts[name] = total[name]
    counts["peak_mib"] = most["peak_mib"]
    counts["mutants_a_second"] = round(counts["mutants"] / (time.monotonic() - started), 1)
    if given.cover:
        counts["lines_covered"] = round(most["ran"] / max(1, most["lines"]), 3)
    return counts


def over_http(given: argparse.Namespace) -> dict[str, float]:
    """Mutants sent to a server; what is printed."""
    import fuzz_http

    started = time.monotonic()
    sent = fuzz_http.run(
        seeds(), given.first, given.mutants, given.seconds, given.seed, mutate
    )  # fmt: skip
    for line in sent.told[:20]:
        sys.stderr.write(f"{line}\n")
    counts: dict[str, float] = {"mutants": sent.ended.pop("mutants", 0)}
    counts |= dict.fromkeys(fuzz_http.BAD, 0) | dict(sorted(sent.ended.items()))
    counts["memory"] = int(sent.peak_mib > MEMORY >> 20)
    counts["peak_mib"] = sent.peak_mib
    counts["mutants_a_second"] = round(counts["mutants"] / (time.monotonic() - started), 1)
    return counts


def main() -> int:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description="mutated films through the reader")
    parser.add_argument("--mutants", type=int, default=300_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cover", action="store_true", help="share of lines; slower")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--http", action="store_true", help="send them to a server")
    given = parser.parse_args()
    counts = over_http(given) if given.http else films_apart(given)
    print(json.dumps(counts, indent=2))
    bad = (*BAD, "status 5xx", "errors logged", "dead")
    return 1 if any(counts.get(name) for name in bad) else 0


if __name__ == "__main__":
    sys.exit(main())
