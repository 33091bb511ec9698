"""Mutated films through the reader of ``predict``: does anything but an error of one film come out?

    python benchmarks/fuzz.py [--mutants 300000] [--seconds S] [--seed 0] [--processes 1]

Films in every encoding of ``film_encodings`` are changed (bits flipped, bytes set, cut off,
pieces copied, zeroed, lengths and numbers of headers set to extremes) and read. Counted are mutants
that end the process that reads, take longer than 5 s of CPU time, or raise anything but
``FilmError``. A decoder process that ends costs one film, and is counted apart. Exit status 1 where
one of the first three is not 0.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from film_encodings import encodings  # noqa: E402

from infmap.core.errors import FilmError, RejectedFilm  # noqa: E402
from infmap.dicom import read_radiograph  # noqa: E402
from infmap.phantom import render  # noqa: E402

SLOW = 5.0
_NUMBERS = (b"\0\0", b"\xff\xff", b"\x01\0", b"\0\x80", b"\xff\x7f", b"\xff\xff\xff\xff")


def seeds(size: int = 64) -> list[bytes]:
    """A phantom film in every encoding, small so that mutations meet headers often."""
    film = render(3, size=size, opacities=2).pixels
    low, high = float(film.min()), float(film.max())
    return list(encodings(((film - low) / (high - low)).astype(np.float32)).values())


def mutate(data: bytes, draw: random.Random) -> bytes:
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
    for number in range(first, first + count):
        if time.monotonic() - started > seconds:
            break
        draw = random.Random(f"{seed}/{number}")
        data = mutate(films[number % len(films)], draw)
        begun = time.process_time()
        try:
            read_radiograph(data, name="mutant", max_pixels=4_000_000)
            found["read"] += 1
        except RejectedFilm:
            found["rejected"] += 1
        except FilmError as error:
            found["failed"] += 1
            found["decoder ended"] += "stops the decoder" in error.reason
            found["slow"] += "takes too long" in error.reason
        except Exception as error:
            found["foreign"] += 1
            sys.stderr.write(f"mutant {number} of seed {seed}: {type(error).__name__}: {error}\n")
        if time.process_time() - begun > SLOW:
            found["slow"] += 1
            sys.stderr.write(f"mutant {number} of seed {seed}: slow\n")
    return found


def _chunks(total: int, seconds: float, seed: int) -> Iterator[tuple[int, int, float, int]]:
    for first in range(0, total, 2000):
        yield first, min(2000, total - first), seconds, seed


def _one(given: tuple[int, int, float, int], queue: multiprocessing.SimpleQueue) -> None:  # type: ignore[type-arg]
    queue.put(dict(fuzz(*given)))


def main() -> int:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description="mutated films through the reader")
    parser.add_argument("--mutants", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    for chunk in _chunks(given.mutants, given.seconds, given.seed):
        if time.monotonic() - started > given.seconds:
            break
        queue = context.SimpleQueue()
        process = context.Process(target=_one, args=(chunk, queue))
        process.start()
        process.join()
        if process.exitcode:
            total["aborts"] += 1
            sys.stderr.write(f"a process over mutants from {chunk[0]} ended: {process.exitcode}\n")
        else:
            total.update(queue.get())
        counts = {name: total[name] for name in ("aborts", "slow", "foreign")}
        counts |= {name: total[name] for name in ("read", "rejected", "failed", "decoder ended")}
        sys.stderr.write(f"{json.dumps(counts)}\n")
    counts = {"mutants": total["read"] + total["rejected"] + total["failed"] + total["foreign"]}
    for name in ("aborts", "slow", "foreign", "read", "rejected", "failed", "decoder ended"):
        counts[name] = total[name]
    print(json.dumps(counts, indent=2))
    return 1 if total["aborts"] or total["slow"] or total["foreign"] else 0


if __name__ == "__main__":
    sys.exit(main())
