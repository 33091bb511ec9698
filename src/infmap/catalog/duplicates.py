"""Films that show one exposure: found by perceptual hash, verified by correlation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from infmap.catalog.store import Catalog, Row
from infmap.catalog.thumbnails import SIDE
from infmap.core.errors import SnapshotError

HAMMING = 10
COARSE = 0.93
PLAUSIBLE = 0.6
THRESHOLD = 0.93
_BLOCK = 1024
_LARGEST_CROP = 0.12
_STEPS = (0.06, 0.03, 0.015)

Thumbnails = NDArray[np.float32]


def deduplicate(catalog: Catalog, progress: Callable[[int, int], None] | None = None) -> list[Row]:
    """Find duplicates and give each film its ``cluster_id``; folds are to be drawn again.

    Args:
        catalog: where the films are.
        progress: called with pairs verified and candidate pairs in all.

    Returns:
        Rows of ``duplicates``: kind "bytes" (the same file) or "pixels" (score: correlation).

    Raises:
        SnapshotError: nothing was ingested yet.
    """
    films = catalog.films()
    pictures = {row["film_id"]: row["thumbnail"] for row in catalog.rows("thumbnails")}
    try:
        stack = np.stack(
            [np.frombuffer(pictures[f["film_id"]], np.uint8).reshape(SIDE, SIDE) for f in films]
        )
    except (KeyError, ValueError) as error:
        raise SnapshotError(f"{catalog.folder}: a thumbnail is missing; ingest again") from error
    thumbs = stack.astype(np.float32)
    fine = fine_structure(thumbs)
    flat = _standard(fine.reshape(len(films), -1))
    hashes = np.array([int(f["pixel_hash"], 16) for f in films], np.uint64)
    pairs = candidates(hashes, thumbs)
    found: list[Row] = []
    for n, (a, b) in enumerate(pairs, 1):
        same = films[a]["bytes_hash"] == films[b]["bytes_hash"]
        score = 1.0 if same else float(flat[a] @ flat[b])
        if PLAUSIBLE <= score < THRESHOLD:
            score = similarity(fine[a], fine[b])
        if score >= THRESHOLD:
            found.append(
                {
                    "film_a": films[a]["film_id"],
                    "film_b": films[b]["film_id"],
                    "kind": "bytes" if same else "pixels",
                    "score": round(score, 5),
                }
            )
        if progress:
            progress(n, len(pairs))
    clusters = components(
        [f["film_id"] for f in films], [(row["film_a"], row["film_b"]) for row in found]
    )
    unsplit = {"split": None, "fold": None}
    catalog.write("films", [f | unsplit | {"cluster_id": clusters[f["film_id"]]} for f in films])
    catalog.write("duplicates", found)
    return found


def candidates(hashes: NDArray[np.uint64], thumbs: Thumbnails) -> list[tuple[int, int]]:
    """Pairs (a < b) that may be duplicates: near hashes, or like thumbnails at 16 x 16.

    Args:
        hashes: uint64 (N,), perceptual hashes.
        thumbs: float32 (N, 64, 64).
    """
    n = len(hashes)
    coarse = thumbs.reshape(n, 16, SIDE // 16, 16, SIDE // 16).mean(axis=(2, 4)).reshape(n, -1)
    coarse = _standard(coarse)
    pairs: list[tuple[int, int]] = []
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        distance = np.bitwise_count(hashes[rows, None] ^ hashes[None, start:])
        near = (distance <= HAMMING) | (coarse[rows] @ coarse[start:].T >= COARSE)
        a, b = np.nonzero(np.triu(near, k=1))
        pairs += zip((a + start).tolist(), (b + start).tolist())
    return pairs


def fine_structure(thumbs: Thumbnails) -> Thumbnails:
    """Ribs, devices and markers: what is left between blurs of 1 and 4 pixels.

    Chest films share their coarse structure, so it tells nothing about identity.

    Args:
        thumbs: float32 (N, 64, 64).

    Returns:
        float32 (N, 64, 64).
    """
    blurred = [
        gaussian_filter1d(gaussian_filter1d(thumbs, sigma, axis=1), sigma, axis=2)
        for sigma in (1.0, 4.0)
    ]
    return np.asarray(blurred[0] - blurred[1], np.float32)


def similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two planes of fine structure, at best over small crops of either.

    Each edge may be cropped by up to 12 % in one of the two; coordinate descent from the whole.

    Args:
        a: float32 (64, 64), of ``fine_structure``.
        b: float32 (64, 64).

    Returns:
        Pearson r, [-1, 1].
    """
    edges = np.zeros(4)
    best = _correlation(a, b, edges)
    for step in _STEPS:
        moved = True
        while moved:
            moved = False
            for edge in range(4):
                for delta in (-step, step):
                    trial = edges.copy()
                    trial[edge] += delta
                    if abs(trial[edge]) > _LARGEST_CROP:
                        continue
                    r = _correlation(a, b, trial)
                    if r > best + 1e-4:
                        best, edges, moved = r, trial, True
    return best


def _correlation(
    a: NDArray[np.float32], b: NDArray[np.float32], edges: NDArray[np.float64]
) -> float:
    """Pearson r after cropping: a positive edge crops ``a``, a negative one crops ``b``."""
    crop_a, crop_b = np.maximum(edges, 0.0), np.maximum(-edges, 0.0)
    x = _standard(_window(a, crop_a).reshape(1, -1))
    y = _standard(_window(b, crop_b).reshape(1, -1))
    return float(x[0] @ y[0])


def _window(plane: NDArray[np.float32], crop: NDArray[np.float64]) -> NDArray[np.float32]:
    """Resample the plane without its cropped edges (top, bottom, left, right) to 48 x 48."""
    rows, columns = _weights(crop[0], crop[1]), _weights(crop[2], crop[3])
    return np.asarray(rows @ plane @ columns.T, np.float32)


def _weights(first: float, last: float, size: int = 48) -> NDArray[np.float32]:
    """Linear interpolation as a matrix, float32 (size, 64)."""
    at = (first + (np.arange(size) + 0.5) / size * (1.0 - first - last)) * SIDE - 0.5
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(SIDE))), np.float32)


def _standard(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows less their mean, of length one; flat rows become zero."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), np.float32)


def components(members: Sequence[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Connected components; each is named by its first member in order."""
    parent = {member: member for member in members}

    def root(member: str) -> str:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for a, b in links:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    groups = defaultdict(list)
    for member in members:
        groups[root(member)].append(member)
    return {member: min(group) for group in groups.values() for member in group}
