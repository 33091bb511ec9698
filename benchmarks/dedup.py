"""Duplicates found among real films after known edits, and their cost for many films.

    python benchmarks/dedup.py CATALOG          # an ingested catalog whose films can be read
    python benchmarks/dedup.py --films 120000   # composed films: time and memory, N / 10 against N

CATALOG: every film is edited once, by one edit drawn at random, and put beside all originals. The
300 films that the thresholds were tuned on (of covid-qu-ex Train) are not edited. Recall: the
edited film is in the cluster of its original. Precision: share of pairs with an edited film whose
originals are one film, or are a pair by themselves ("natural", found without any edited film);
"strict" counts the natural ones as false. Then what is found among the originals. Intervals:
Wilson, 95 %.

--films: rendered films, blended three at a time, warped at random and each with a texture
of its own (renders share theirs), with 2 % edited copies.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.store import Catalog, make_frame
from infmap.core.errors import InfmapError
from infmap.dedup.duplicates import components, copies
from infmap.dedup.thumbnails import SIDE, thumbnail
from infmap.dicom import read_radiograph
from infmap.metrics.intervals import wilson_interval
from infmap.phantom import render

Plane = NDArray[np.uint8]
TUNED = 300
LONGEST = 1024
RENDERS = 200


def crop(plane: Plane, rng: np.random.Generator) -> Plane:
    """10 % of the width and of the height are cut, shared between the edges at random."""
    height, width = plane.shape
    down, across = height // 10, width // 10
    top, left = rng.integers(0, down + 1), rng.integers(0, across + 1)
    return plane[top : top + height - down, left : left + width - across]


def crop_each(plane: Plane, rng: np.random.Generator) -> Plane:
    """10 % is cut off every edge."""
    height, width = plane.shape
    return plane[height // 10 : height - height // 10, width // 10 : width - width // 10]


def rotate(plane: Plane, rng: np.random.Generator) -> Plane:
    """5 degrees to either side, black corners."""
    height, width = plane.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 5 * rng.choice([-1, 1]), 1)
    return cv2.warpAffine(plane, turn, (width, height))


def gamma(plane: Plane, rng: np.random.Generator) -> Plane:
    """Gamma 0.5, 0.7, 1.5 or 2."""
    return np.round(255 * (plane / 255.0) ** rng.choice([0.5, 0.7, 1.5, 2.0])).astype(np.uint8)


def jpeg(plane: Plane, rng: np.random.Generator) -> Plane:
    """JPEG of quality 30."""
    data = io.BytesIO()
    Image.fromarray(plane).save(data, "JPEG", quality=30)
    return np.asarray(Image.open(data))


def resize(plane: Plane, rng: np.random.Generator) -> Plane:
    """128 x 128, aspect given up."""
    return np.asarray(Image.fromarray(plane).resize((128, 128)))


def several(plane: Plane, rng: np.random.Generator) -> Plane:
    """Crop, turn, gamma, resize and JPEG; half of them inverted, half mirrored."""
    for edit in (crop, rotate, gamma, resize, jpeg):
        plane = np.ascontiguousarray(edit(plane, rng))
    plane = 255 - plane if rng.random() < 0.5 else plane
    return plane[:, ::-1] if rng.random() < 0.5 else plane


EDITS: dict[str, Callable[[Plane, np.random.Generator], Plane]] = {
    "crop 10 %": crop,
    "rotate 5 degrees": rotate,
    "gamma": gamma,
    "JPEG 30": jpeg,
    "resize to 128": resize,
    "invert": lambda plane, rng: 255 - plane,
    "flip": lambda plane, rng: plane[:, ::-1],
    "equalise": lambda plane, rng: cv2.equalizeHist(plane),
    "10 % off every edge": crop_each,
    "local equalisation": lambda plane, rng: cv2.createCLAHE(2.0, (8, 8)).apply(plane),
    "all of them": several,
}
ASKED = tuple(EDITS)[:7]


def film_plane(catalog: Catalog, row: dict[str, Any]) -> Plane:
    """A film as 8 bits, its long side at most 1024."""
    path = catalog.resolve(row, row["path"])
    pixels = read_radiograph(path.read_bytes(), name=path.name).pixels
    image = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    image.thumbnail((LONGEST, LONGEST))
    return np.asarray(image)


def edited(
    catalog: Catalog, films: list[dict[str, Any]], seed: int
) -> tuple[NDArray[np.uint8], list[tuple[int, str]]]:
    """Thumbnails of edited films, each with the place of its original and its edit."""
    train = [
        i
        for i, f in enumerate(films)
        if f["source"] == "covid-qu-ex" and f["official_split"] == "train"
    ]
    np.random.default_rng(1).shuffle(train)
    rng, names = np.random.default_rng(seed), list(EDITS)
    rest = sorted(set(range(len(films))) - set(train[:TUNED]))
    thumbs, origin = [], []
    for n, i in enumerate(rng.permutation(rest)):
        edit = names[n % len(names)]
        try:
            plane = film_plane(catalog, films[i])
        except (OSError, InfmapError) as error:
            sys.stderr.write(f"left out: {error}\n")
            continue
        thumbs.append(thumbnail(np.ascontiguousarray(EDITS[edit](plane, rng))))
        origin.append((int(i), edit))
    return np.stack(thumbs), origin


def share(part: int, whole: int) -> str:
    """A share with its interval."""
    low, high = wilson_interval(part, whole)
    value = part / whole if whole else float("nan")
    return f"{value:.4f} [{low:.4f}, {high:.4f}] {part}/{whole}"


def accuracy(catalog: Catalog, seed: int) -> None:
    """Print recall and precision by edit, then what is found among the originals."""
    films, thumbs = catalog.films(), np.asarray(catalog.pictures())
    n = len(films)
    natural = copies([str(i) for i in range(n)], thumbs, np.arange(n))
    family = components(
        [str(i) for i in range(n)], [(row["film_a"], row["film_b"]) for row in natural]
    )
    new, origin = edited(catalog, films, seed)
    everything = np.concatenate([thumbs, new])
    names = [str(i) for i in range(len(everything))]
    rows = copies(names, everything, np.arange(len(names)))
    cluster = components(names, [(row["film_a"], row["film_b"]) for row in rows])
    recall: Counter[str] = Counter()
    edits = Counter(edit for _, edit in origin)
    for k, (i, edit) in enumerate(origin):
        recall[edit] += cluster[str(n + k)] == cluster[str(i)]
    outcome: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        a, b = int(row["film_a"]), int(row["film_b"])
        touched = {origin[x - n][1] for x in (a, b) if x >= n}
        i, j = (origin[x - n][0] if x >= n else x for x in (a, b))
        verdict = "true" if i == j else "natural" if family[str(i)] == family[str(j)] else "false"
        for edit in touched:
            outcome[edit][verdict] += 1
        if touched:
            outcome["asked for"][verdict] += touched <= set(ASKED)
            outcome["all"][verdict] += 1
    recall["asked for"], edits["asked for"] = (sum(c[e] for e in ASKED) for c in (recall, edits))
    recall["all"], edits["all"] = (sum(c[e] for e in EDITS) for c in (recall, edits))
    print(f"{'edit':20} | recall | precision | strict precision")
    for edit in (*EDITS, "asked for", "all"):
        c = outcome[edit]
        pairs = c.total()
        print(
            f"{edit:20} | {share(recall[edit], edits[edit])} | "
            f"{share(pairs - c['false'], pairs)} | {share(c['true'], pairs)}"
        )
    known(films, natural)


def known(films: list[dict[str, Any]], natural: list[dict[str, Any]]) -> None:
    """Print the overlaps of collections, and pairs of films whose patients are known."""
    pairs = [(films[int(r["film_a"])], films[int(r["film_b"])]) for r in natural]
    inside = [(a, b) for a, b in pairs if a["source"] == b["source"]]
    across = [p for p in inside if p[0]["official_split"] != p[1]["official_split"]]
    print("pairs inside a source:", dict(Counter(a["source"] for a, _ in inside)))
    print("of which across official splits:", dict(Counter(a["source"] for a, _ in across)))
    met: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for a, b in pairs:
        met[a["source"], b["source"]].add(a["film_id"])
        met[b["source"], a["source"]].add(b["film_id"])
    total = Counter(f["source"] for f in films)
    for (source, other), found in sorted(met.items()):
        if source != other:
            print(f"{source} films also in {other}: {len(found)} of {total[source]}")
    for source in sorted(total):
        told = [p for p in inside if p[0]["source"] == source and all(f["patient_id"] for f in p)]
        same = [p for p in told if p[0]["patient_id"] == p[1]["patient_id"]]
        if told:
            print(f"{source}: {len(same)} pairs of one patient, {len(told) - len(same)} of two:")
            for a, b in told:
                print("   ", a["film_id"], b["film_id"])


def renders(cache: Path) -> NDArray[np.uint8]:
    """Thumbnails of rendered films, made once: uint8 (200, 64, 64)."""
    path = cache / f"renders-{RENDERS}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        films = (render(seed, size=128).pixels for seed in range(RENDERS))
        np.save(path, np.stack([thumbnail(np.round(p * 255).astype(np.uint8)) for p in films]))
    return np.load(path)


def warp(plane: Plane, rng: np.random.Generator, most: float) -> Plane:
    """A random turn and crop, as uint8 (64, 64)."""
    angle, scale = np.radians(rng.uniform(-most, most) * 100), rng.uniform(1 - most * 2, 1, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) * scale
    middle = (SIDE - 1) / 2
    shift = middle + rng.uniform(-most, most, 2) * SIDE - linear @ [middle, middle]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = np.column_stack([linear, shift])
    return cv2.warpAffine(plane, matrix, (SIDE, SIDE), None, flags, cv2.BORDER_REFLECT)


def compose(base: NDArray[np.uint8], n: int, seed: int) -> tuple[NDArray[np.uint8], list[Any]]:
    """Films of warped blends, the last 2 % of them edited copies of others; and their pairs."""
    rng = np.random.default_rng(seed)
    out = np.empty((n, SIDE, SIDE), np.uint8)
    plain = n - n // 50
    for i in range(plain):
        parts = [warp(base[j], rng, 0.1) for j in rng.integers(0, len(base), 3)]
        weights = rng.dirichlet([1.0, 1.0, 1.0]).astype(np.float32)
        grain = rng.integers(0, 60, (20, 20)).astype(np.float32)
        blend = sum(w * p for w, p in zip(weights, parts))
        texture = cv2.resize(grain, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        out[i] = np.clip(0.75 * blend + texture, 0, 255)
    pairs = []
    for i, j in zip(range(plain, n), rng.permutation(plain)):
        plane = warp(out[j], rng, 0.03)
        plane = plane[:, ::-1] if rng.random() < 0.3 else plane
        out[i] = 255 - plane if rng.random() < 0.3 else plane
        pairs.append((f"s/{j:07}", f"s/{i:07}"))
    return out, pairs


def one_size(n: int, cache: Path) -> None:
    """Deduplicate n composed films in this process; print a line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        thumbs, planted = compose(renders(cache), n, n)
        names = [f"s/{i:07}" for i in range(n)]
        rows = [
            {"film_id": name, "source": "s", "path": name, "bytes_hash": name, "pixel_hash": name}
            for name in names
        ]
        catalog = Catalog(Path(folder))
        catalog.commit({"films": make_frame("films", rows)}, pictures=thumbs)
        del rows, thumbs
        start, cpu = time.perf_counter(), time.process_time()
        found = deduplicate(catalog)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = {(row["film_a"], row["film_b"]) for row in found}
    hits = sum(pair in pairs for pair in planted)
    figures = {
        "films": n,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(peak / 1024),
        "planted": len(planted),
        "planted_found": hits,
        "other_pairs": len(pairs) - hits,
    }
    print(json.dumps(figures))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", nargs="?", type=Path)
    parser.add_argument("--films", type=int, help="composed films, for time and memory")
    parser.add_argument("--seed", type=int, default=0, help="of the edits")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "infmap-dedup")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.films and args.one:
        one_size(args.films, args.cache)
    elif args.films:
        lines = []
        for n in (args.films // 10, args.films):
            command = [sys.executable, __file__, "--one", "--films", str(n)]
            command += ["--cache", str(args.cache)]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            sys.stdout.write(text)
            lines.append(json.loads(text))
        for name in ("seconds", "cpu_seconds"):
            print(f"{name} grow {lines[1][name] / lines[0][name]:.1f} times")
    elif args.catalog:
        accuracy(Catalog(args.catalog), args.seed)
    else:
        parser.error("expected a CATALOG or --films")


if __name__ == "__main__":
    main()
