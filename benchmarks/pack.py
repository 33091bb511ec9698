"""Random access to a packed snapshot, against decoding the same films from PNG, in one run.

    python benchmarks/pack.py [--films N] [--data FOLDER]

Phantom films are rendered once as 512 x 512 PNGs; with --data, films of COVID-QU-Ex (256 x 256 PNG)
are read too. Films are drawn in random order, with one process and with two. Peers, for a film:
"pillow", the bare decoding of its PNG to bytes, without masks or preprocessing; "decode", what
training does without a pack: decode and preprocess the film and its masks; "pack", image and mask
bits copied from the pack. Each figure is the median of --rounds, the peers taking turns, with the
files in the system's cache for all of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from infmap.catalog.schema import Row, make_frame
from infmap.catalog.snapshot import CATALOG_ROOT, read_snapshot, write_rows
from infmap.catalog.store import locate
from infmap.catalog.truth import mask_paths
from infmap.inference.preprocess import Preprocessing
from infmap.phantom import render
from infmap.training.dataset import decode_film
from infmap.training.pack import Pack, pack_name, write_pack

PEERS = ("pillow", "decode", "pack")
SIZE = 256
SOURCE = "films"
LEAST_SECONDS = 1.0
"""A turn goes on for this long, over and over the films in new orders."""
_together: Any = None
"""In a process of a pool: where it waits until the others are ready too."""


def save(path: Path, plane: Any) -> None:
    """A plane in [0, 1] as an 8-bit PNG."""
    Image.fromarray(np.round(np.asarray(plane, np.float32) * 255.0).astype(np.uint8)).save(path)


def phantoms(count: int, folder: Path) -> list[Row]:
    """Rows of phantom films of 512 x 512, with an infection and a lung mask each."""

    def one(index: int) -> Row:
        film = render(index, size=512, opacities=3)
        parts = {"f": film.pixels, "i": film.infection, "l": film.lungs}
        for name, plane in parts.items():
            save(folder / f"{name}{index}.png", plane)
        return row(f"f{index}.png", f"i{index}.png", f"l{index}.png")

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(count)))


def row(film: str, infection: str, lungs: str) -> Row:
    """A row of the films table."""
    return {
        "film_id": f"{SOURCE}/{film}",
        "source": SOURCE,
        "path": film,
        "covid19": True,
        "infection_mask": infection,
        "lung_mask": lungs,
    }


def real(count: int, root: Path) -> list[Row]:
    """Rows of films of COVID-QU-Ex with an infection and a lung mask, spread over the set."""
    masks = [
        mask
        for folder in sorted(root.rglob("infection masks"))
        if folder.parent.name == "COVID-19"
        for mask in sorted(folder.glob("*.png"))
    ]
    rows = []
    for mask in masks[:: max(1, len(masks) // count)][:count]:
        parts = [mask.parent.parent / name / mask.name for name in ("images", "lung masks")]
        film, lungs = (part.relative_to(root).as_posix() for part in parts)
        rows.append(row(film, mask.relative_to(root).as_posix(), lungs))
    return rows


def begin_with(barrier: Any) -> None:
    """Let the processes of a pool know where to wait for each other."""
    global _together
    _together = barrier


def turn(task: tuple[str, Path, int]) -> tuple[int, float]:
    """Read films in random order for a while, as one peer does; films, and seconds."""
    peer, snapshot, seed = task
    frame, roots = read_snapshot(snapshot)
    rows, spec, random = frame.to_dicts(), Preprocessing(size=SIZE), np.random.default_rng(seed)
    pack = Pack(snapshot / pack_name(spec))
    files = [locate(roots, row, row["path"]) for row in rows]
    masks = [[locate(roots, r, p) if p else None for p in mask_paths(r)] for r in rows]

    def read(index: int) -> int:
        if peer == "pack":
            image, bits = (np.array(plane) for plane in pack[index])
        elif peer == "decode":
            image, bits = decode_film("", files[index], masks[index], spec)
        else:
            with Image.open(files[index]) as file:
                image = bits = np.asarray(file)
        return int(image[0, 0]) + int(bits[0, 0])

    for file in [*files, *(m for film in masks for m in film if m)]:  # into the system's cache
        file.read_bytes()
    for index in range(len(rows)) if peer == "pack" else range(3):
        read(index)
    _together.wait()
    begun, films = time.perf_counter(), 0
    while time.perf_counter() - begun < LEAST_SECONDS:
        for index in random.integers(0, len(rows), 16):
            read(int(index))
        films += 16
    return films, time.perf_counter() - begun


def speeds(snapshot: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Films a second by number of processes and peer, and how many times pack beats the others."""
    result: dict[str, dict[str, float]] = {}
    for processes in (1, 2):
        found: dict[str, list[float]] = {peer: [] for peer in PEERS}
        spawn = multiprocessing.get_context("spawn")
        barrier = (spawn.Barrier(processes),)
        with ProcessPoolExecutor(processes, spawn, begin_with, barrier) as pool:
            for number in range(rounds):
                for peer in PEERS:
                    tasks = [(peer, snapshot, number * 2 + p) for p in range(processes)]
                    done = list(pool.map(turn, tasks))
                    found[peer].append(sum(films / seconds for films, seconds in done))
        each = {peer: statistics.median(values) for peer, values in found.items()}
        ratios = {f"pack / {peer}": each["pack"] / each[peer] for peer in PEERS[:2]}
        label = "1 process" if processes == 1 else f"{processes} processes"
        result[label] = {name: round(value, 1) for name, value in (each | ratios).items()}
    return result


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="root of COVID-QU-Ex")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / SOURCE
        folder.mkdir()
        sets = {"phantoms 512 x 512": (phantoms(given.films, folder), folder)}
        if given.data:
            sets["COVID-QU-Ex 256 x 256"] = (real(given.films, given.data), given.data.resolve())
        for number, (title, (rows, root)) in enumerate(sets.items()):
            snapshot = Path(name) / f"snapshot-{number}"
            roots = {SOURCE: str(root), CATALOG_ROOT: name}
            write_rows(snapshot, make_frame("films", rows), roots=roots)
            begun = time.perf_counter()
            write_pack(snapshot, SIZE, 2)
            seconds = time.perf_counter() - begun
            result[title] = {"films": len(rows), "seconds to pack, 2 workers": round(seconds, 1)}
            result[title] |= speeds(snapshot, given.rounds)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
