"""Mutated films and archives through what reads them: does anything but an error of one film come?

    python benchmarks/fuzz.py [--mutants 300000] [--first 0] [--seconds S] [--seed 0] [--cover]
                              [--processes N] [--log FILE] [--http]

Films in every encoding of ``film_encodings`` and zip files of them are changed, half of them by
their structure (``mutants``: fields set to extremes, records dropped, doubled, exchanged) and half
byte by byte, and read as the server's workers read them: header and pixels under a limit of 2 GiB,
archives unpacked (``fuzz_films``). Counted are mutants that end the process that reads, take longer
than 5 s of CPU time, need more memory, or raise anything but an error of one film. A decoder that
ends its process costs one film, and is counted apart. Exit status 1 where one of the first four is
not 0. ``--cover`` measures which share of the lines of the readers ran.
A mutant is made of the seed and its number alone: ``--first`` goes on where another run ended.

``--log FILE`` keeps the counts of every block of mutants that is done, a line each: the same
command again goes on with the others, and prints the counts of all.

``--http`` sends mutants to a real server instead, of films and of requests (``fuzz_http``).
Counted are answers of 500 and above, errors in its log, answers that take longer than 5 s twice,
and a server that ends or reads no film any more; the most memory of any of its processes is stated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_films  # noqa: E402

Block = tuple[int, int]
"""Number of the first mutant, and how many: what a log knows as done, or not."""
BAD = ("aborts", "slow", "memory", "foreign", "status 5xx", "errors logged", "dead")
"""What must not happen."""


class Log:
    """Blocks that are done, and their counts, in a file that grows by a line each.

    Args:
        path: of the file; None to keep nothing.
        kind: of the mutants, and their seed: lines of others are passed over.
    """

    def __init__(self, path: Path | None, kind: str) -> None:
        self._path, self._kind = path, kind
        self.done: dict[Block, Counter[str]] = {}
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            told = json.loads(line)
            if told["kind"] == kind:
                self.done[told["first"], told["mutants"]] = Counter(told["counts"])

    def add(self, block: Block, counts: Counter[str]) -> None:
        """Note a block."""
        self.done[block] = counts
        sys.stderr.write(f"mutants from {block[0]}: {json.dumps(counts)}\n")
        if self._path is not None:
            told = {"kind": self._kind, "first": block[0], "mutants": block[1], "counts": counts}
            with self._path.open("a") as file:
                file.write(f"{json.dumps(told)}\n")


def blocks(given: argparse.Namespace) -> Iterator[Block]:
    """All blocks of a run. Before its first mutant a process starts, or a whole server."""
    size = 1000 if given.http else 2000 if given.cover else 50_000
    for begin in range(given.first, given.first + given.mutants, size):
        yield begin, min(size, given.first + given.mutants - begin)


def run(given: argparse.Namespace) -> Counter[str]:
    """Read or send mutants; the counts of all blocks, those of the log included."""
    log = Log(given.log, f"{'http' if given.http else 'films'} of seed {given.seed}")
    until = time.monotonic() + given.seconds

    def one(block: Block) -> tuple[Block, Counter[str]]:
        if given.http:
            import fuzz_http

            return block, fuzz_http.block(*block, given.seed, until)
        return block, fuzz_films.block(*block, given.seed, until, given.cover)

    unfinished = list[Counter[str]]()
    # A server reads with several processes, and times its answers: one at a time.
    with ThreadPoolExecutor(1 if given.http else given.processes) as pool:
        for block, found in pool.map(one, [b for b in blocks(given) if b not in log.done]):
            if mutants_in(found) == block[1]:
                log.add(block, found)
            else:  # no time was left for the rest of it
                unfinished.append(found)
    return fuzz_films.merged(*unfinished, *log.done.values())


def mutants_in(found: Counter[str]) -> int:
    """Mutants whose end is counted."""
    return found["sent"] or sum(found[name] for name in fuzz_films.ENDED)


def main() -> int:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description="mutated films through the reader")
    parser.add_argument("--mutants", type=int, default=300_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cover", action="store_true", help="share of lines; slower")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", type=Path, help="blocks that are done; goes on from them")
    parser.add_argument("--http", action="store_true", help="send them to a server")
    given = parser.parse_args()
    found = run(given)
    counts: dict[str, float] = {"mutants": mutants_in(found)}
    counts |= {name: found[name] for name in (*BAD, *sorted(found)) if name != "sent"}
    if given.cover:
        counts["lines_covered"] = round(found["ran"] / max(1, found["lines"]), 3)
    print(json.dumps(counts, indent=2))
    return 1 if any(found[name] for name in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
