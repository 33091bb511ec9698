"""Films that show one exposure: as the same file, the same pixels, or an edited copy.

Copies are found by an embedding in a faiss index and verified by aligned correlation. What a person
said of a pair is kept, and counts for more than any score.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import needs_extra

if TYPE_CHECKING:
    from infmap.dedup.embedding import Candidates

CONFIRMED, REJECTED = "confirmed", "rejected"
# Pairs a task: few enough that progress is seen, many enough that a film met by several of them is
# prepared once.
_CHUNK = 512

Progress = Callable[[int, int], None]


class DuplicatePair(TypedDict, total=False):
    """A row of the duplicates: two films that show the same image, and a person's verdict."""

    film_a: str
    film_b: str
    kind: str
    score: float | None
    verdict: str | None


def exact(
    films: Sequence[Mapping[str, str | None]],
) -> tuple[list[DuplicatePair], NDArray[np.int64]]:
    """Films of the same bytes or pixels, and one film of every such group.

    Args:
        films: film_id, bytes_hash and pixel_hash of each; an unknown hash is None.

    Returns:
        Rows of ``duplicates``, each to the first of its group; indices of the first, int64 (M,).
    """
    first: dict[tuple[str, str], int] = {}
    rows: list[DuplicatePair] = []
    alone: list[int] = []
    for i, film in enumerate(films):
        keys = [(k, v) for k in ("pixel_hash", "bytes_hash") if (v := film[k])]
        known = [first[key] for key in keys if key in first]
        for key in keys:
            first.setdefault(key, known[0] if known else i)
        if not known:
            alone.append(i)
            continue
        other = films[known[0]]
        bytes_too = film["bytes_hash"] and film["bytes_hash"] == other["bytes_hash"]
        kind = "bytes" if bytes_too else "pixels"
        rows.append(_row(str(other["film_id"]), str(film["film_id"]), kind, 1.0))
    return rows, np.array(alone, np.int64)


def copies(
    names: Sequence[str],
    thumbs: NDArray[np.uint8],
    films: NDArray[np.int64],
    progress: Progress | None = None,
    seed: int = 0,
) -> list[DuplicatePair]:
    """Near-duplicates among films: cropped, rotated, inverted or otherwise edited copies.

    Args:
        names: film_id of every thumbnail.
        thumbs: uint8 (N, 64, 64), may be mapped from disk.
        films: int64 (M,), the thumbnails to compare.
        progress: called with pairs compared and candidate pairs in all.
        seed: of the films that the embedding is fitted on.

    Raises:
        MissingExtra: faiss or OpenCV is not installed.
    """
    if len(films) < 2:
        return []
    with needs_extra("infmap catalog dedup", "catalog"):
        from infmap.dedup.alignment import THRESHOLD
        from infmap.dedup.embedding import candidates
    pairs = candidates(thumbs, films, seed)
    rows: list[DuplicatePair] = []
    for done, (start, scores) in enumerate(_verified(thumbs, pairs), 1):
        for i in np.flatnonzero(scores >= THRESHOLD) + start:
            kind = "copy"
            kind += "+inverted" if pairs.signs[i].prod() < 0 else ""
            kind += "+mirrored" if pairs.look[i] % 2 else ""
            score = round(float(scores[i - start]), 5)
            rows.append(_row(names[pairs.query[i]], names[pairs.other[i]], kind, score))
        if progress:
            progress(min(done * _CHUNK, len(pairs.query)), len(pairs.query))
    return sorted(rows, key=lambda row: (row["film_a"], row["film_b"]))


def _verified(
    thumbs: NDArray[np.uint8], pairs: Candidates
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """First pair and scores of each chunk, in order; OpenCV lets threads run side by side."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    starts = range(0, len(pairs.query), _CHUNK)
    with ThreadPoolExecutor(workers) as pool:
        yield from zip(starts, pool.map(lambda start: _scores(thumbs, pairs, start), starts))


def _scores(thumbs: NDArray[np.uint8], pairs: Candidates, start: int) -> NDArray[np.float64]:
    """Scores of one chunk of pairs; a film's structure is worked out once a chunk."""
    from infmap.dedup.alignment import Structure, align, pixel_warp
    from infmap.dedup.embedding import LOOKS

    known: dict[tuple[int, int], Structure] = {}

    def of(film: int, sign: int) -> Structure:
        if (film, sign) not in known:
            known[film, sign] = Structure(np.asarray(thumbs[film]), sign)
        return known[film, sign]

    end = min(start + _CHUNK, len(pairs.query))
    scores = np.empty(end - start)
    # A map x -> A x + t seen in a mirror: A's mixed terms and the shift in x change sign.
    mirror = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]])
    for i in range(start, end):
        warp = LOOKS[pairs.look[i] // 2]
        query = of(int(pairs.query[i]), int(pairs.signs[i, 0]))
        other = of(int(pairs.other[i]), int(pairs.signs[i, 1]))
        if pairs.look[i] % 2:
            query, warp = query.mirrored(), warp * mirror
        scores[i - start] = align(other, query, pixel_warp(warp)).score
    return scores


def with_verdicts(
    found: Sequence[DuplicatePair], before: Iterable[DuplicatePair], films: set[str]
) -> list[DuplicatePair]:
    """Rows found now with the verdicts of before; pairs with a verdict stay though not found again.

    Args:
        found: rows of ``duplicates``.
        before: rows of ``duplicates`` as they were.
        films: film_id of all films there are; pairs with others are dropped.
    """
    decided = {(r["film_a"], r["film_b"]): r for r in before if r["verdict"]}
    rows: list[DuplicatePair] = []
    for row in found:
        known = decided.get((row["film_a"], row["film_b"]))
        rows.append({**row, "verdict": known["verdict"] if known else None})
    seen = {(r["film_a"], r["film_b"]) for r in rows}
    rows += [r for pair, r in decided.items() if pair not in seen and films.issuperset(pair)]
    return sorted(rows, key=lambda row: (row["film_a"], row["film_b"]))


def duplicate_groups(names: Sequence[str], rows: Sequence[DuplicatePair]) -> dict[str, str]:
    """Cluster of each film, by rows of ``duplicates`` and their verdicts."""
    # The most certain first: where a rejected pair keeps two groups apart, the weaker link is
    # given up.
    strong = sorted(rows, key=lambda r: (r["verdict"] != CONFIRMED, -(r["score"] or 0.0)))
    links = [(r["film_a"], r["film_b"]) for r in strong if r["verdict"] != REJECTED]
    apart = [(r["film_a"], r["film_b"]) for r in rows if r["verdict"] == REJECTED]
    return components(names, links, apart)


def components(
    members: Sequence[str],
    links: Iterable[tuple[str, str]],
    apart: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """Connected components; each is named by its first member in order.

    Args:
        members: all names.
        links: pairs that belong together, the most certain first.
        apart: pairs that must not meet in one component; links that would join them are left out.
    """
    parent = {member: member for member in members}
    rejected: dict[str, set[str]] = defaultdict(set)  # of members with a verdict only
    for a, b in apart:
        rejected[a].add(b)
        rejected[b].add(a)
    decided = {member: {member} for member in rejected}  # root to its members with a verdict

    def root(member: str) -> str:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for a, b in links:
        low, high = sorted((root(a), root(b)))
        if low == high:
            continue
        inside, outside = decided.get(low, set()), decided.get(high, set())
        if any(rejected[member] & outside for member in inside):
            continue
        # The lower name becomes the root, so that names of groups do not depend on the order of
        # links.
        parent[high] = low
        if outside:
            decided[low] = inside | outside
    return {member: root(member) for member in members}


def _row(a: str, b: str, kind: str, score: float) -> DuplicatePair:
    low, high = sorted((a, b))
    return {"film_a": low, "film_b": high, "kind": kind, "score": score}
