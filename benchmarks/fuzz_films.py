"""Mutants read as the server's workers read films: a part of ``fuzz.py``.

A process reads one mutant after another and counts in shared memory how each ends, so that where it
ends itself the mutant is known; the next process goes on behind it. Decoders run in the same
process under the same limits, which saves a mutant the way to a process of theirs; every
``APART``-th goes that way, and so do all of a process that ended, which says whose end it was.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import numpy as np
from film_encodings import encodings
from mutants import mutate

from infmap.compute.memory import limited_memory
from infmap.core.errors import FilmError, RejectedFilm
from infmap.dicom import decoder_pool, read_radiograph
from infmap.dicom.decoder_process import answer, said
from infmap.phantom import render
from infmap.serve.archive import extract
from infmap.serve.writing import header_of

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator

    from infmap.dicom.codecs import Job
    from infmap.dicom.decoder_process import Message

    Shared = ctypes.Array[ctypes.c_longlong]

SLOW = 5.0
"""CPU seconds of one mutant."""
HUNG = 30.0
"""CPU seconds after which the system ends a process that is still at its mutant."""
MEMORY = 2 << 30
"""Bytes that reading one film may take, as in the server's workers."""
APART = 16
"""Of so many mutants one is decoded in a process of its own; no divisor of the number of seeds."""
ENDED = ("read", "rejected", "failed", "memory", "foreign", "aborts")
"""How a mutant ends."""
COUNTED = (*ENDED[:-1], "decoder ended", "slow", "peak_mib", "lines", "ran", "at")
"""What a process counts; ``at`` is the mutant that it reads."""
COVERED = ("dicom", "serve/archive.py", "serve/writing.py")
"""Readers, below src/infmap."""
WRITERS = [f"*/dicom/{name}" for name in (
    "network/*", "seg.py", "sr*.py", "sc.py", "gsps.py", "pdf.py", "write.py", "derived.py",
    "drawn_seg.py", "plain_film.py", "header.py", "regions.py", "outline.py", "codes.py",
    "uids.py", "moment.py", "findings.py", "elements.py", "decoder_process.py", "arrays.py",
)]  # fmt: skip
"""Modules that write, or that serve a decoder process, where nothing is measured."""


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
        read_radiograph(data, name="mutant", max_pixels=4_000_000, seen=header_of)
    return "read"


class Here:
    """Decodes in this process what a pool of decoder processes is asked for.

    Questions and answers are those of a decoder process, made to text and back; what decoders
    print is caught as there.
    """

    def __init__(self, chatter: BinaryIO) -> None:
        self._chatter = chatter

    def ask(self, job: Job, data: bytes) -> tuple[Message, bytearray]:
        """As ``DecoderPool.ask``; a crash ends this process."""
        question: Message = json.loads(json.dumps({"job": job}))
        reply, body = answer(question, bytearray(data))
        reply["chatter"] = said(self._chatter)
        told: Message = json.loads(json.dumps(reply))
        return told, bytearray(body or b"")


@contextmanager
def caught_output() -> Iterator[tuple[BinaryIO, TextIO]]:
    """Let what decoders print go to a file, for good; that file, and standard error as it was."""
    with tempfile.TemporaryFile() as chatter, os.fdopen(os.dup(2), "w", buffering=1) as told:
        os.dup2(chatter.fileno(), 1)
        os.dup2(chatter.fileno(), 2)
        yield chatter, told


def fuzz(shared: Shared, first: int, count: int, seconds: float, seed: int, apart: bool) -> None:
    """Read so many mutants, in so many seconds at most; how each ended is counted."""
    films, pool = seeds(), decoder_pool.POOL
    until = time.monotonic() + seconds
    # A file system in memory: a server's disk is not what is looked at.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with caught_output() as (chatter, told), tempfile.TemporaryDirectory(dir=memory) as folder:
        here = Here(chatter)
        for number in range(first, first + count):
            if time.monotonic() > until:
                break
            count_up(shared, "at", number)
            away = apart or number % APART == 0
            decoder_pool.POOL = pool if away else here  # type: ignore[assignment]
            data = mutate(films[number % len(films)], random.Random(f"{seed}/{number}"))
            # User time, unlike the limit of a decoder: both may run at once.
            signal.setitimer(signal.ITIMER_VIRTUAL, HUNG)
            begun = time.process_time()
            how, why = ended(data, Path(folder))
            if time.process_time() - begun > SLOW or "takes too long" in why:
                count_up(shared, "slow")
            if "stops the decoder" in why:
                count_up(shared, "decoder ended")
            count_up(shared, how)
            if how in ("memory", "foreign"):
                told.write(f"mutant {number} of seed {seed}: {how} {why}\n")
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
    decoder_pool.POOL = pool
    # Of the whole process, kilobytes on Linux: interpreter and libraries included.
    count_up(shared, "peak_mib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)


def ended(data: bytes, folder: Path) -> tuple[str, str]:
    """How reading a mutant ends, and why."""
    try:
        return read(data, folder), ""
    except RejectedFilm as error:
        return "rejected", error.reason
    except FilmError as error:
        return "failed", error.reason
    except MemoryError:
        return "memory", ""
    except Exception as error:
        return "foreign", f"{type(error).__name__}: {error}"


def count_up(shared: Shared, name: str, value: int | None = None) -> None:
    """One more, or a value of its own."""
    place = COUNTED.index(name)
    shared[place] = shared[place] + 1 if value is None else value


def covered(shared: Shared, first: int, count: int, seconds: float, seed: int) -> None:
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
    fuzz(shared, first, count, seconds, seed, apart=False)
    measured.stop()
    lines = ran = 0
    for file in measured.get_data().measured_files():
        _, found, _, missing, _ = measured.analysis2(file)
        lines, ran = lines + len(found), ran + len(found) - len(missing)
    count_up(shared, "lines", lines)
    count_up(shared, "ran", ran)


def block(first: int, count: int, seed: int, until: float, cover: bool = False) -> Counter[str]:
    """Read mutants in processes of their own, the next behind one that ends; how they ended."""
    found: Counter[str] = Counter()
    at, end = first, first + count
    while at < end and time.monotonic() < until:
        counts, status = process(at, end - at, seed, until, cover=cover)
        if status:
            counts = again(at, counts["at"], seed, status)
        at = counts.pop("at") + 1
        found = merged(found, counts)
        if not status:
            break
    return found


def again(first: int, last: int, seed: int, status: int) -> Counter[str]:
    """Read all mutants of a process that ended, decoded apart: whose end was it?

    All of them, for a decoder may spoil memory that is looked at many mutants later. Where the
    process that reads lives on now, it was a decoder's end, as in a server, which it costs a film.
    """
    sys.stderr.write(f"mutant {last} of seed {seed}: its process ended, {status}; read again\n")
    counts, status = process(first, last + 1 - first, seed, float("inf"), apart=True)
    if status:
        sys.stderr.write(f"mutant {counts['at']} of seed {seed}: the reader ended, {status}\n")
        counts["aborts"] += 1
        counts["slow"] += status == -signal.SIGVTALRM
    elif not counts["decoder ended"] and not counts["slow"]:
        counts["decoder ended"] += 1
    return counts


def process(
    first: int, count: int, seed: int, until: float, *, cover: bool = False, apart: bool = False
) -> tuple[Counter[str], int]:
    """Counts of mutants read in one process, ``at`` the last of them, and its exit status."""
    context = multiprocessing.get_context("spawn")
    shared = context.RawArray("q", len(COUNTED))
    count_up(shared, "at", first - 1)
    given = shared, first, count, until - time.monotonic(), seed
    one = context.Process(
        target=covered if cover else fuzz, args=given if cover else (*given, apart)
    )
    one.start()
    one.join()
    counts = Counter(dict(zip(COUNTED, shared)))
    if counts["at"] < first and one.exitcode:
        raise RuntimeError(f"expected a process that reads mutants, got exit {one.exitcode}")
    return counts, one.exitcode or 0


def merged(*found: Counter[str]) -> Counter[str]:
    """Counts of several processes: a sum, but the most memory, and lines of one at a time."""
    total: Counter[str] = Counter()
    for one in found:
        # Lines that ran in any of the processes are not known.
        most = {name: max(total[name], one[name]) for name in ("peak_mib", "lines", "ran")}
        total.update(one)
        total = Counter({**total, **most})
    return total
