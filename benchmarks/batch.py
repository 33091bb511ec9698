"""Many films on a Ray cluster of two nodes on this machine, the run killed again and again.

    python benchmarks/batch.py --films 100000 --kills 5 --json batch.json

Composes FILMS pictures of rendered chests, each with other bytes, and reads them twice: some of
them by `infmap predict` on one thread, all of them by `infmap predict --on ray` on two nodes of one
processor each, whose run is ended by SIGKILL at KILLS moments spread over the films and resumed.
Measured: rows that are missing or there twice; memory of the run's process and of the workers, of
the first and the last films; films per second and processor time per film, of both, starting left
out. On a machine that others use, the processor time means more than the clock. Needs
`infmap[scale]` and psutil.
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
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from infmap.phantom import render
from infmap.workflows.predict_on import SHARD

BASES = 24  # rendered chests that the films are made of
FEW = 8  # films of the run that measures what starting costs


def main() -> int:
    """Run the benchmark; 1 where a row is missing or there twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=100_000)
    parser.add_argument("--one", type=int, default=500, help="films for one process")
    parser.add_argument("--size", type=int, default=128, help="side of a film, pixels")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="infmap-batch-") as name:
        folder = Path(name)
        films = compose(folder / "films", options.films, options.size)
        found: dict[str, object] = {"films": len(films), "size": options.size}
        found["one_process"] = one_process(folder, films[: options.one])
        found["two_nodes"] = two_nodes(folder, films, options.kills)
        found["rows"] = check(folder / "ray", films)
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    rows = found["rows"]
    return 0 if rows["lost"] == rows["twice"] == rows["others"] == 0 else 1


def compose(folder: Path, films: int, size: int) -> list[str]:
    """Films by path: a chest, its grey levels shifted and noise added, by the film's number."""
    folder.mkdir(parents=True)
    bases = [render(n, size=size, opacities=n % 5).pixels for n in range(BASES)]
    paths = []
    for number in range(films):
        generator = np.random.default_rng(number)
        plane = bases[number % BASES] ** generator.uniform(0.85, 1.15)
        plane = plane + generator.normal(0.0, 0.005, plane.shape)
        path = folder / f"{number // 1000:03d}" / f"film-{number:06d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((np.clip(plane, 0, 1) * 255).astype(np.uint8)).save(path)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        paths.append(str(path))
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
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    node |= {"node_ip_address": "127.0.0.1"}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        made.add_node(**node)
        yield made.address
    finally:
        made.shutdown()


def two_nodes(folder: Path, films: list[str], kills: int) -> dict[str, object]:
    """Read all films, killed at moments spread over them."""
    told, spent, used, counted = 0, 0.0, 0.0, 0
    with cluster() as address, Watch() as watch:
        command = predict(folder, films, "ray", "--on", "ray", "--resume", "--json")
        moments = [len(films) * (n + 1) // (kills + 1) for n in range(kills)]
        start = time.perf_counter()
        for moment in [*moments, len(films) + 1]:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, env=os.environ | {"RAY_ADDRESS": address}
            )
            watch.driver = process.pid
            first = None
            for number, _ in enumerate(process.stdout, 1):
                told += 1
                watch.done = told / len(films)
                # From the first shard's end on: starting a run is no film's work.
                if number == SHARD:
                    first = time.perf_counter(), watch.cpu, told
                if told >= moment:
                    process.send_signal(signal.SIGKILL)
                    break
            ended = time.perf_counter(), watch.cpu
            process.stdout.close()
            status = process.wait()
            if first:
                spent += ended[0] - first[0]
                used += ended[1] - first[1]
                counted += told - first[2]
        wall = time.perf_counter() - start
    return {
        "kills": kills,
        "last_status": status,
        "seconds": wall,
        "lines_told": told,
        "films_per_s": counted / spent,
        "films_per_s_of_all": len(films) / wall,
        "cpu_ms_per_film": 1000 * used / counted,
        "cpu_ms_per_film_with_starts": 1000 * watch.cpu / len(films),
        "driver_mib": watch.mib("driver"),
        "worker_mib": watch.mib("worker"),
    }


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

    def mib(self, what: str) -> dict[str, float]:
        """Largest resident memory in the first and in the last fifth of the films."""
        parts = {"first_fifth": (0.0, 0.2), "last_fifth": (0.8, 9.0)}
        return {
            name: max((m for d, w, m in self._seen if w == what and low <= d < high), default=0.0)
            for name, (low, high) in parts.items()
        }


def check(out: Path, films: list[str]) -> dict[str, int]:
    """Rows of each kind, and whether each film has one."""
    with (out / "results.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
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
