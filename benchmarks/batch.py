"""Many films on a Ray cluster of two nodes on this machine, the run killed again and again.

    python benchmarks/batch.py --films 100000 --kills 5 --json batch.json
    nice -n 19 python benchmarks/batch.py --films 100000 --folder batch --minutes 60

Composes FILMS pictures of rendered chests, each with other bytes, and reads them twice: some of
them by `infmap predict` on one thread, all of them by `infmap predict --on ray` on two nodes of one
processor each, whose run is ended by SIGKILL at KILLS moments spread over the films and resumed.
Measured: rows that are missing or there twice; memory of the run's process and of the workers, of
the first and the last films; films per second and processor time per film, of both, with the starts
of the run and its workers and without. On a machine that others use, the processor time means more
than the clock. With --folder the films, results and figures stay there and the same command goes on
with them; with --minutes it stops after that time, as by one more SIGKILL. Needs `infmap[scale]`
and psutil.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from infmap.compute.cluster import PATIENCE
from infmap.phantom import render
from infmap.workflows.predict_on import SHARD

BASES = 24  # rendered chests that the films are made of
FEW = 8  # films of the run that measures what starting costs
WATCHED = ("driver", "worker")
PARTS = {"first_fifth": (0.0, 0.2), "last_fifth": (0.8, 9.0)}


def main() -> int:
    """Run the benchmark; 1 where a row is missing or there twice, 3 where films are left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=100_000)
    parser.add_argument("--one", type=int, default=500, help="films for one process")
    parser.add_argument("--size", type=int, default=128, help="side of a film, pixels")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keeps films and results: go on with them")
    parser.add_argument("--minutes", type=float, default=inf, help="then stop; with --folder")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    os.environ["OMP_NUM_THREADS"] = "1"
    with ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="infmap-batch-"))
        )
        kept = Kept(folder / "figures.json", [options.films, options.size, options.kills])
        films = compose(folder / "films", options.films, options.size)
        if kept.one is None:
            kept.one = one_process(folder, films[: options.one])
            kept.save()
        whole = two_nodes(folder, films, options.kills, kept, end)
        found = {"films": len(films), "size": options.size, "one_process": kept.one}
        found |= {"two_nodes": kept.summary(), "rows": check(folder / "ray", films)}
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    rows = found["rows"]
    if not whole:
        return 3
    return 0 if rows["lost"] == rows["twice"] == rows["others"] == 0 else 1


class Kept:
    """Figures of every start of the run, in a file, so that another benchmark goes on with them.

    Args:
        path: of the file.
        given: films, size and kills; other ones than those of the file are refused.
    """

    def __init__(self, path: Path, given: list[int]) -> None:
        self.path, self.given = path, given
        self.one: dict[str, float] | None = None
        self.starts: list[dict[str, float]] = []
        self.mib = {f"{what}_{part}": 0.0 for what in WATCHED for part in PARTS}
        if path.exists():
            old = json.loads(path.read_text())
            if old["given"] != given:
                sys.exit(f"{path}: of films, size, kills {old['given']}, not {given}")
            self.one, self.starts, self.mib = old["one"], old["starts"], old["mib"]

    def save(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: the benchmark itself may be ended at any moment.
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({n: vars(self)[n] for n in ("given", "one", "starts", "mib")}))
        part.replace(self.path)

    def summary(self) -> dict[str, float]:
        """Figures of all starts together."""

        def total(name: str) -> float:
            return sum(start[name] for start in self.starts)

        counted, films = max(1, total("counted")), max(1, total("films"))
        with_starts = 1000 * total("cpu") / films
        return {
            "starts": len(self.starts),
            "kills": total("killed"),
            "ended_by_themselves": sum(s.get("status", 0) not in (0, 3, -9) for s in self.starts),
            "seconds": total("seconds"),
            "films_per_s": counted / max(1e-9, total("counted_seconds")),
            "films_per_s_of_all": films / max(1e-9, total("seconds")),
            "cpu_ms_per_film": 1000 * total("counted_cpu") / counted,
            "cpu_ms_per_film_with_starts": with_starts,
            "of_one_process_with_starts": self.one["cpu_ms_per_film"] / with_starts,
        } | {f"{name}_mib": value for name, value in self.mib.items()}


def compose(folder: Path, films: int, size: int) -> list[str]:
    """Films by path: a chest, its grey levels shifted and noise added, by the film's number."""
    folder.mkdir(parents=True, exist_ok=True)
    bases = [render(n, size=size, opacities=n % 5).pixels for n in range(BASES)]
    paths = []
    for number in range(films):
        path = folder / f"{number // 1000:03d}" / f"film-{number:06d}.png"
        paths.append(str(path))
        if path.exists():
            continue
        generator = np.random.default_rng(number)
        plane = bases[number % BASES] ** generator.uniform(0.85, 1.15)
        plane = plane + generator.normal(0.0, 0.005, plane.shape)
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        picture = Image.fromarray((np.clip(plane, 0, 1) * 255).astype(np.uint8))
        picture.save(part, format="png")
        os.utime(part, (1_600_000_000, 1_600_000_000))
        part.replace(path)
    return paths


def predict(folder: Path, films: list[str], out: str, *more: str) -> list[str]:
    """The command that reads films to ``folder / out``."""
    listed = folder / f"{out}.txt"
    listed.write_text("".join(f"{path}\n" for path in films))
    command = [sys.executable, "-m", "infmap.cli.main", "predict", "--list", str(listed)]
    return [*command, "-o", str(folder / out), "--no-planes", *more]


def one_process(folder: Path, films: list[str]) -> dict[str, float]:
    """Seconds and processor seconds of a film, starting left out."""
    took = {}
    for name, part in (("few", films[:FEW]), ("one", films)):
        before, start = children(), time.perf_counter()
        subprocess.run(predict(folder, part, name, "--workers", "1", "-q"), check=False)
        took[name] = time.perf_counter() - start, children() - before
    wall, cpu = (a - b for a, b in zip(took["one"], took["few"]))
    n = len(films) - FEW
    return {"films": len(films), "films_per_s": n / wall, "cpu_ms_per_film": 1000 * cpu / n}


def children() -> float:
    """Processor seconds of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def cluster() -> Iterator[str]:
    """Address of two nodes of one processor each, on 127.0.0.1."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    os.environ |= PATIENCE | {"RAY_raylet_start_wait_time_s": "600"}
    from ray.cluster_utils import Cluster
    from ray.exceptions import RayError

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    node |= {"node_ip_address": "127.0.0.1"}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        made.add_node(**node)
        yield made.address
    finally:
        # A daemon that a busy machine has not ended yet, or that says nothing any more.
        with suppress(AssertionError, RayError):
            made.shutdown()


def two_nodes(folder: Path, films: list[str], kills: int, kept: Kept, end: float) -> bool:
    """Read all films, killed at moments spread over them; whether the run came to its end."""
    moments = [len(films) * (n + 1) // (kills + 1) for n in range(kills)]
    command = predict(folder, films, "ray", "--on", "ray", "--resume", "--json")
    before = -1
    # Again with a new cluster where the run ended by itself, but not where that comes no further.
    while time.monotonic() < end and before < (before := rows_of(folder / "ray")):
        with cluster() as address, Watch() as watch:
            environment = os.environ | {"RAY_ADDRESS": address}
            status = None
            while status is None and time.monotonic() < end:
                there = rows_of(folder / "ray")
                moment = next((m for m in moments if m > there), None)
                status = one_start(
                    command, environment, watch, there, len(films), moment, kept, end
                )
        if status in (0, 3):
            return True
    return False


def one_start(
    command: list[str],
    environment: dict[str, str],
    watch: Watch,
    there: int,
    films: int,
    moment: int | None,
    kept: Kept,
    end: float,
) -> int | None:
    """Run until so many films have rows, or to its end; its status, None where it was killed."""
    start, before, told = time.perf_counter(), watch.cpu, 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    watch.driver, first, killed = process.pid, None, False
    for told, _ in enumerate(process.stdout, 1):
        watch.done = (there + told) / films
        # From the first shard's end on: starting a run is no film's work.
        if told == SHARD:
            first = time.perf_counter(), watch.cpu
        if there + told == moment or time.monotonic() > end:
            process.send_signal(signal.SIGKILL)
            killed = True
            break
    ended, used = time.perf_counter(), watch.cpu
    process.stdout.close()
    status = process.wait()
    counted = first is not None
    kept.starts.append(
        {
            "films": told,
            "killed": killed,
            # Below zero, or 1: it ended by itself half way, such as with Ray on a busy machine.
            "status": status,
            "seconds": time.perf_counter() - start,
            "cpu": watch.cpu - before,
            "counted": told - SHARD if counted else 0,
            "counted_seconds": ended - first[0] if counted else 0.0,
            "counted_cpu": used - first[1] if counted else 0.0,
        }
    )
    kept.mib = {name: max(kept.mib[name], value) for name, value in watch.mib().items()}
    kept.save()
    return None if killed else status


def rows_of(out: Path) -> int:
    """Lines of a run's results."""
    path = out / "results.jsonl"
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


class Watch:
    """Looks once a second at the run's process and at Ray's workers."""

    def __init__(self) -> None:
        self.driver, self.done = 0, 0.0
        self._cpu: dict[tuple[str, int], float] = {}
        self._seen: list[tuple[float, str, float]] = []
        self._ended, self._one = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            self._sample()

    def _sample(self) -> None:
        with self._one:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    # Ray names a worker by what it does; the infmap process is the run's.
                    what = "worker" if process.name().startswith("ray::") else "driver"
                    if what == "driver" and process.pid != self.driver:
                        continue
                    times = process.cpu_times()
                    self._cpu[what, process.pid] = times.user + times.system
                    self._seen.append((self.done, what, process.memory_info().rss / 2**20))

    @property
    def cpu(self) -> float:
        """Processor seconds of all that was seen, until now."""
        self._sample()
        return sum(self._cpu.values())

    def mib(self) -> dict[str, float]:
        """Largest resident memory in the first and in the last fifth of the films."""
        return {
            f"{what}_{part}": max(
                (m for d, w, m in self._seen if w == what and low <= d < high), default=0.0
            )
            for what in WATCHED
            for part, (low, high) in PARTS.items()
        }


def check(out: Path, films: list[str]) -> dict[str, int]:
    """Rows of each kind, and whether each film has one."""
    with (out / "results.jsonl").open() as file:
        rows = [json.loads(line) for line in file if line.endswith("\n")]
    paths = [row["path"] for row in rows]
    return {
        "rows": len(rows),
        "ok": sum(row["status"] == "ok" for row in rows),
        "rejected": sum(row["status"] == "rejected" for row in rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "lost": len(set(films) - set(paths)),
        "twice": len(paths) - len(set(paths)) + len(rows) - len({row["id"] for row in rows}),
        "others": len(set(paths) - set(films)),
    }


if __name__ == "__main__":
    sys.exit(main())
