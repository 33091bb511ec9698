"""What a catalog costs: ingest, copies, split, snapshot, and a pack.

    python benchmarks/catalog.py -o FOLDER [--films 120000] [--size 512] [--workers 2]

Films are composed of rendered phantoms, each blended of two and warped at random, with a mark of
its own; one in fifty has a copy of another size and compression. They are written once and kept.
The same steps run on a tenth of the films first, each in a process of its own, so that memory and
growth are seen. The bound of ingest is reading the same files and decoding them with Pillow, with
as many threads and nothing else; the two are measured in turn, three times, and the median of the
ratios counts.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.phantom import render

BASES = 160
COPIES = 50
PAIRS = 3


def base(n: int, size: int) -> NDArray[np.uint8]:
    """A rendered film, uint8 (size, size)."""
    film = render(n, size=size, opacities=n % 4).pixels
    plane = cv2.resize(film, (size, size), interpolation=cv2.INTER_AREA)
    return np.round(plane * 255).astype(np.uint8)


def compose(n: int, bases: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Film n, uint8 (S, S): two phantoms warped and blended, a texture, and a mark."""
    rng = np.random.default_rng(n)
    size = bases.shape[1]
    a, b = rng.choice(len(bases), 2, replace=False)
    warped = [_warp(bases[index], rng) for index in (a, b)]
    weight = rng.uniform(0.55, 0.8)
    film = cv2.addWeighted(warped[0], weight, warped[1], 1.0 - weight, 0.0)
    texture = rng.integers(0, 36, (size // 16, size // 16), np.uint8)
    film = cv2.add(film, cv2.resize(texture, (size, size), interpolation=cv2.INTER_CUBIC))
    y, x = rng.integers(0, size - 48, 2)
    film[y : y + 8, x : x + 48] = np.repeat(rng.integers(0, 2, 12, np.uint8) * 200, 4)
    return film


def _warp(plane: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    size = plane.shape[0]
    matrix = cv2.getRotationMatrix2D(
        (size / 2, size / 2), rng.uniform(-6, 6), rng.uniform(0.95, 1.25)
    )
    matrix[:, 2] += rng.uniform(-0.05, 0.05, 2) * size
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(plane, matrix, (size, size), borderMode=border))


def write_films(start: int, stop: int, folder: Path, bases: Path) -> None:
    """Write films [start, stop); every COPIES-th is a copy of the one before."""
    planes = np.load(bases, mmap_mode="r")
    level = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    for n in range(start, stop):
        path = folder / "films" / f"{n // 1000:03}" / f"{n:06}.png"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if n % COPIES:
            plane = compose(n, planes)
        else:
            plane = compose(n + 1, planes)
            plane = cv2.resize(plane, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        part = path.with_suffix(".part.png")
        cv2.imwrite(str(part), plane, level)
        part.replace(path)


def make_source(folder: Path, films: int, size: int, workers: int) -> None:
    """Films on disk, and the table of all of them and of a tenth."""
    folder.mkdir(parents=True, exist_ok=True)
    bases = folder / f"bases-{size}.npy"
    with ProcessPoolExecutor(workers) as pool:
        if not bases.exists():
            np.save(bases, np.stack(list(pool.map(partial(base, size=size), range(BASES)))))
        starts = range(0, films, 1000)
        stops = [min(films, start + 1000) for start in starts]
        list(pool.map(partial(write_films, folder=folder, bases=bases), starts, stops))
    for part in (films // 10, films):
        root = folder / f"source-{part}"
        root.mkdir(exist_ok=True)
        if not (root / "films").exists():
            (root / "films").symlink_to(Path("../films"))
        with (root / "films.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "patient_id", "label"))
            for n in range(part):
                kind = ("covid19", "pneumonia", "normal", "normal")[n % 4]
                writer.writerow((f"films/{n // 1000:03}/{n:06}.png", f"p{n // 2}", kind))


def rate(work: Callable[[Path], object], paths: Sequence[Path], workers: int) -> float:
    """Films a second of threads that do one thing."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, paths, chunksize=32))
    return len(paths) / (time.perf_counter() - began)


def pillow(path: Path) -> None:
    """Read and decode with Pillow alone."""
    with Image.open(path) as image:
        np.asarray(image)


def ingest_seconds(root: Path, folder: Path, workers: int) -> float:
    """Ingest a source into a new catalog, and remove that."""
    from infmap.catalog.ingest import ingest
    from infmap.catalog.store import Catalog

    with TemporaryDirectory(dir=folder) as place:
        began = time.perf_counter()
        ingest(Catalog(Path(place)), {"folder": root}, workers)
        return time.perf_counter() - began


def steps(root: Path, folder: Path, workers: int) -> dict[str, float]:
    """All steps on one source; seconds of each, counts, and the peak of memory."""
    from infmap.catalog.duplicates import deduplicate
    from infmap.catalog.ingest import ingest
    from infmap.catalog.snapshot import write_snapshot
    from infmap.catalog.splits import split
    from infmap.catalog.store import Catalog
    from infmap.catalog.verify import verify

    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        began = time.perf_counter()
        result = work()
        found[f"{name}_s"] = round(time.perf_counter() - began, 2)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found[f"{name}_peak_mb"] = round(peak)
        sys.stderr.write(f"{root.name}: {name} {found[f'{name}_s']} s, {peak:.0f} MB\n")
        return result

    catalog = Catalog(folder / f"catalog-{root.name}")
    report = timed("ingest", lambda: ingest(catalog, {"folder": root}, workers))
    timed("again", lambda: ingest(catalog, {"folder": root}, workers))
    pairs = timed("dedup", lambda: deduplicate(catalog))
    timed("split", lambda: split(catalog))
    timed("snapshot", lambda: write_snapshot(catalog, folder / f"snapshot-{root.name}"))
    timed("verify", lambda: verify(catalog))
    found["films"], found["failures"] = report.films, report.failures  # type: ignore[attr-defined]
    names = [(row["film_a"][-10:-4], row["film_b"][-10:-4]) for row in pairs]  # type: ignore[attr-defined]
    true = {(f"{n:06}", f"{n + 1:06}") for n in range(0, report.films, COPIES)}  # type: ignore[attr-defined]
    found["planted"], found["planted_found"] = len(true), len(true & set(names))
    found["other_pairs"] = len(set(names) - true)
    return found


def alone(given: argparse.Namespace, what: str, root: Path) -> str:
    """What a process of its own prints."""
    command = [sys.executable, __file__, "-o", str(given.out), "--workers", str(given.workers)]
    done = subprocess.run(
        [*command, what, str(root)], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main() -> None:
    """Write films, run the steps on a tenth and on all, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--films", type=int, default=120_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-films", action="store_true", help="write the films and stop")
    parser.add_argument("--only-ingest", action="store_true", help="compare ingest with its bound")
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ingest", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.steps:
        print(json.dumps(steps(given.steps, given.out, given.workers)))
        return
    if given.ingest:
        print(json.dumps(ingest_seconds(given.ingest, given.out, given.workers)))
        return
    make_source(given.out, given.films, given.size, given.workers)
    if given.only_films:
        return
    result: dict[str, object] = {"size": given.size, "workers": given.workers}
    for part in (given.films // 10, given.films):
        root = given.out / f"source-{part}"
        paths = [root / f"films/{n // 1000:03}/{n:06}.png" for n in range(part)]
        figures = {} if given.only_ingest else json.loads(alone(given, "--steps", root))
        ratios = []
        for _ in range(PAIRS):
            bound = rate(pillow, paths, given.workers)
            speed = part / float(alone(given, "--ingest", root))
            ratios.append(speed / bound)
            sys.stderr.write(f"{part} films: ingest {speed:.0f}/s, decoding {bound:.0f}/s\n")
        figures["ingest / decoding"] = [round(ratio, 3) for ratio in sorted(ratios)]
        result[str(part)] = figures
        print(json.dumps({str(part): figures}, indent=2), flush=True)
    (given.out / "result.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
