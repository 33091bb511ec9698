"""Many films on a Ray cluster of two nodes on this machine, the run killed again and again.

    python benchmarks/batch.py --films 100000 --kills 5 --json batch.json
    nice -n 19 python benchmarks/batch.py --films 100000 --folder batch --minutes 60
    python benchmarks/batch.py --films 3000 --nodes 1 2 --rounds 3

Composes FILMS pictures of rendered chests, each with other bytes, and reads them twice: some of
them by `infmap predict` on one thread, all of them by `infmap predict --on ray` on two nodes of one
processor each, whose run is ended by SIGKILL at KILLS moments spread over the films and resumed.
Measured: rows that are missing or there twice; memory of the run's process and of the workers, of
the first and the last films; films per second and processor time per film, of both, with the starts
of the run and its workers and without. On a machine that others use, the processor time means more
than the clock. With --folder the films, results and figures stay there and the same command goes on
with them; with --minutes it stops after that time, as by one more SIGKILL.

With --nodes A B nothing is killed: the films are read on a cluster of A nodes and on one of B, in
turn, --rounds times. Measured: films per second of each between the first and the last fifth of the
films, so without the starts of Ray, run and workers and without the end, where one worker waits for
the other; processor time of the workers, the run, Ray's daemons and this benchmark in that part.
Needs `infmap[scale]` and psutil.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from statistics import median

import numpy as np
from batch_watch import OTHERS, PARTS, WATCHED, Watch
from PIL import Image

from infmap.compute.cluster import PATIENCE
from infmap.phantom import render
from infmap.workflows.predict_on import SHARD

BASES = 24  # rendered chests that the films are made of
FEW = 8  # films of the run that measures what starting costs
WRONG = ("lost", "twice", "others")


def main() -> int:
    """Run the benchmark; 1 where a row is missing or there twice, 3 where films are left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=100_000)
    parser.add_argument("--one", type=int, default=500, help="films for one process")
    parser.add_argument("--size", type=int, default=128, help="side of a film, pixels")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keeps films and results: go on with them")
    parser.add_argument("--minutes", type=float, default=inf, help="then stop; with --folder")
    parser.add_argument("--nodes", type=int, nargs=2, help="compare clusters of A and B nodes")
    parser.add_argument("--rounds", type=int, default=3, help="of --nodes")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    if options.nodes and options.films < 5 * SHARD:
        parser.error(f"--nodes: expected --films of {5 * SHARD} or more, got {options.films}")
    end = time.monotonic() + 60 * options.minutes
    os.environ["OMP_NUM_THREADS"] = "1"
    with ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="infmap-batch-"))
        )
        films = compose(folder / "films", options.films, options.size)
        found: dict[str, object] = {"films": len(films), "size": options.size}
        if options.nodes:
            found |= compare(folder, films, options.nodes, options.rounds)
            status = 0
        else:
            kept = Kept(folder / "figures.json", [options.films, options.size, options.kills])
            if kept.one is None:
                kept.one = one_process(folder, films[: options.one])
                kept.save()
            whole = two_nodes(folder, films, options.kills, kept, end)
            rows = check(folder / "ray", films)
            found |= {"one_process": kept.one, "two_nodes": kept.summary(), "rows": rows}
            status = 3 if not whole else int(any(rows[name] for name in WRONG))
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return status


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

    def add(self, start: dict[str, float], mib: dict[str, float]) -> None:
        """Take over what a start took, and the most memory so far."""
        self.starts.append(start)
        self.mib = {name: max(self.mib[name], value) for name, value in mib.items()}
        self.save()

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
def cluster(nodes: int) -> Iterator[str]:
    """Address of so many nodes of one processor each, on 127.0.0.1."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    os.environ |= PATIENCE | {"RAY_raylet_start_wait_time_s": "600"}
    from ray.cluster_utils import Cluster
    from ray.exceptions import RayError

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    node |= {"node_ip_address": "127.0.0.1"}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(nodes - 1):
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
        with cluster(2) as address, Watch() as watch:
            environment = os.environ | {"RAY_ADDRESS": address}
            status = None
            while status is None and time.monotonic() < end:
                there = rows_of(folder / "ray")
                moment = next((m for m in moments if m > there), None)
                start = one_start(
                    command, environment, watch, len(films), (SHARD,), there, moment, end
                )
                kept.add(start, watch.mib())
                status = None if start["killed"] else start["status"]
        if status in (0, 3):
            return True
    return False


def one_start(
    command: list[str],
    environment: dict[str, str],
    watch: Watch,
    films: int,
    marks: Container[int],
    there: int = 0,
    moment: int | None = None,
    end: float = inf,
) -> dict[str, float]:
    """Run to the end, or until ``moment`` films have rows, or the time ``end``, then SIGKILL.

    Returns:
        What it took; ``counted`` are the films from the first mark to the second, or to the end.
    """
    start, before, told, looks = time.perf_counter(), watch.cpu(), 0, []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    watch.driver, killed = process.pid, False
    for told, _ in enumerate(process.stdout, 1):
        watch.done = (there + told) / films
        if told in marks:
            looks.append((told, time.perf_counter(), watch.cpu()))
        if there + told == moment or time.monotonic() > end:
            process.send_signal(signal.SIGKILL)
            killed = True
            break
    looks.append((told, time.perf_counter(), watch.cpu()))
    process.stdout.close()
    status = process.wait()
    # Before the first mark runs and workers start, which is no film's work.
    (first, began, idle), (last, ended, busy) = looks[0], looks[min(1, len(looks) - 1)]
    used = watch.cpu()
    return {
        "films": told,
        "killed": killed,
        # Below zero, or 1: it ended by itself half way, such as with Ray on a busy machine.
        "status": status,
        "seconds": time.perf_counter() - start,
        "cpu": sum(used[what] - before[what] for what in WATCHED),
        "counted": last - first,
        "counted_seconds": ended - began,
        "counted_cpu": sum(busy[what] - idle[what] for what in WATCHED),
    } | {f"counted_cpu_{what}": busy[what] - idle[what] for what in WATCHED + OTHERS}


def compare(folder: Path, films: list[str], nodes: Sequence[int], rounds: int) -> dict[str, object]:
    """Films per second of clusters of so many nodes, in turn; the median ratio and each round."""
    found: list[dict[str, object]] = []
    for _ in range(rounds):
        each = [steady(folder, films, count) for count in nodes]
        ratio = each[1]["films_per_s"] / each[0]["films_per_s"]
        found.append({"ratio": ratio} | dict(zip((f"nodes_{n}" for n in nodes), each)))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return {"median_ratio": median(one["ratio"] for one in found), "rounds": found}


def steady(folder: Path, films: list[str], nodes: int) -> dict[str, float]:
    """Read films on so many nodes; what their middle three fifths took."""
    marks = [SHARD * round(part * len(films) / SHARD) for part in (0.2, 0.8)]
    shutil.rmtree(folder / "nodes", ignore_errors=True)
    command = predict(folder, films, "nodes", "--on", "ray", "--json")
    with cluster(nodes) as address, Watch() as watch:
        took = one_start(command, os.environ | {"RAY_ADDRESS": address}, watch, len(films), marks)
    if took["status"] or took["films"] < len(films):
        sys.exit(f"the run on {nodes} nodes ended with status {took['status']}")
    cpu = {what: took[f"counted_cpu_{what}"] for what in WATCHED + OTHERS}
    return {
        "seconds": took["seconds"],
        "films_per_s": took["counted"] / took["counted_seconds"],
        # Of the machine, while these films were read.
        "processors_of_workers": cpu["worker"] / took["counted_seconds"],
        "processors_of_all": sum(cpu.values()) / took["counted_seconds"],
    } | {f"cpu_ms_per_film_{what}": 1000 * s / took["counted"] for what, s in cpu.items()}


def rows_of(out: Path) -> int:
    """Lines of a run's results."""
    path = out / "results.jsonl"
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


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
