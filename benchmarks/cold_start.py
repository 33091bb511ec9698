"""Does a cold start ever hang? Fresh processes, each under a time limit.

    python benchmarks/cold_start.py [--threads 300] [--runs 100] [--limit 60] [--films FOLDER]

``--threads``: processes in which two threads judge their first film at the same moment, with one
model between them or, every second process, each with a model that it loads itself.
``--runs``: cold ``infmap predict`` runs with two workers over a few small films, the phantom's by
default. Prints how many of each hung or failed; exit status 1 where any did.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from infmap.phantom import sample_films

MEETING = """
import os, sys, threading
import numpy as np
import infmap

sys.setswitchinterval(1e-5)  # more changes between the threads, more ways to meet
shared = None if sys.argv[1] == "own" else infmap.load(parallel=2)
plane = np.zeros((1, 256, 256), np.float32)
barrier = threading.Barrier(2)
failed = []

def work():
    barrier.wait()
    try:
        (shared or infmap.load(parallel=2)).predictor.run(plane)
    except BaseException as error:
        failed.append(error)
        raise

threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os._exit(1 if failed else 0)
"""
"""Two threads at a barrier; its argument says whether they share a model or own one each."""


def outcome(command: Sequence[str], limit: float) -> str:
    """How a process ended: "ok", "failed" (said on standard error) or "hung" (and was killed)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return "hung"
    if done.returncode:
        sys.stderr.write(done.stderr)
    return "failed" if done.returncode else "ok"


def meetings(count: int, limit: float) -> Iterator[str]:
    """Outcomes of processes whose two threads reach the network together."""
    for number in range(count):
        models = ("shared", "own")[number % 2]
        yield outcome([sys.executable, "-c", MEETING, models], limit)


def predict_runs(count: int, limit: float, films: str) -> Iterator[str]:
    """Outcomes of whole runs, each into an empty folder."""
    for _ in range(count):
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "infmap.cli.main", "predict", films, "-o", out, "-q"]
            yield outcome([*command, "--workers", "2", "--batch-size", "1"], limit)


def main() -> None:
    """Print the outcomes as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=300)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds until it counts as hung")
    parser.add_argument("--films", help="folder of small films instead of the phantom's")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, film in [] if given.films else sample_films()[:6]:
            grey = (255 * film.pixels).astype("uint8")
            Image.fromarray(grey).save(Path(folder) / f"{name}.png")
        films = given.films or folder
        counts = {
            "two threads": Counter(meetings(given.threads, given.limit)),
            "predict": Counter(predict_runs(given.runs, given.limit, films)),
        }
    print(json.dumps({name: dict(count) for name, count in counts.items()}, indent=2))
    sys.exit(any(count["hung"] or count["failed"] for count in counts.values()))


if __name__ == "__main__":
    main()
