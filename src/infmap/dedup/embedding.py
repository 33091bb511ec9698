"""Films as short vectors in which small edits matter little and identity much.

Grey levels are replaced by their ranks, so a change of gamma or an equalisation vanishes and an
inversion is a change of sign. A linear discriminant (Fisher 1936), fitted on the catalog's own
films against small edits of them, then keeps the directions that tell films apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.linalg import eigh

from infmap.dedup.thumbnails import SIDE

# Pixels a side, dimensions, and below them what was tuned with the thresholds of
# `infmap.dedup.alignment`: docs/decisions/013 has recall and precision by edit.
SMALL = 32
DIMENSIONS = 64
_LOWEST = 20  # DCT terms a side that the embedding sees
_EDITS = 8
_FEWEST = 200  # films below which a discriminant is not worth learning
# Of the mean variance within films: steadies directions that the edits move little.
_RIDGE = 0.02
# Films at a time: 16 MB of ranks.
_BLOCK = 4096
_SAMPLE = 2000  # films that the embedding is fitted on
_FLAT = 8000  # films up to which every film is compared
_NEAREST = 4  # of each look
_KEEP = 3  # of each film
_LIKE = 0.45  # cosine of a candidate
_LIKE_FEW = 0.2  # the same where no discriminant was fitted; few films are soon compared
_UNSURE = 0.30  # correlation with the common polarity below which both are tried

Vectors = NDArray[np.float32]
Thumbnails = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A linear embedding of rank-equalised films, with the edits that it looks for.

    Attributes:
        projection: float32 (1024, D).
        centre: float32 (D,), the mean film, which says nothing of identity.
        polarity: float32 (1024,), unit; the sign of a film along it tells negatives.
    """

    projection: Vectors
    centre: Vectors
    polarity: Vectors

    @property
    def size(self) -> int:
        """Number of dimensions, D."""
        return int(self.projection.shape[1])

    def apply(self, ranks: Vectors) -> Vectors:
        """Unit vectors, float32 (N, D), of ranks of one polarity, float32 (N, 1024)."""
        return unit(ranks @ self.projection - self.centre)

    def lean(self, ranks: Vectors) -> Vectors:
        """Correlation with the common polarity, float32 (N,), [-1, 1]; near 0 it is unsure."""
        return unit(ranks) @ self.polarity

    def warped(self, warp: NDArray[np.float64], mirrored: bool) -> Embedding:
        """The embedding that sees a film as if warped, then mirrored, beforehand.

        Args:
            warp: float64 (2, 3), output to input place in unit coordinates about the middle.
            mirrored: left and right exchanged.
        """
        planes = self.projection.T.reshape(-1, SMALL, SMALL)
        if mirrored:
            planes = planes[:, :, ::-1]
        sampling = _sampling(warp)
        seen = np.ascontiguousarray(planes).reshape(len(planes), -1) @ sampling
        return Embedding(np.ascontiguousarray(seen.T), self.centre, self.polarity)


def equalised(thumbs: Thumbnails) -> Vectors:
    """Ranks of grey levels at 32 x 32, ties at their middle rank.

    Args:
        thumbs: uint8 (N, 64, 64).

    Returns:
        float32 (N, 1024), [-0.5, 0.5], mean 0; a flat film is 0 throughout.
    """
    n = len(thumbs)
    wide = thumbs.astype(np.uint16)
    sums = wide[:, 0::2, 0::2] + wide[:, 1::2, 0::2] + wide[:, 0::2, 1::2] + wide[:, 1::2, 1::2]
    return mid_ranks(sums.reshape(n, -1), 1021)


def mid_ranks(values: NDArray[np.uint16], levels: int) -> Vectors:
    """Middle ranks of each row.

    Args:
        values: uint16 (N, M), below ``levels``.
        levels: number of grey levels.

    Returns:
        float32 (N, M), [-0.5, 0.5], mean 0 in each row.
    """
    n, size = values.shape
    index = values.astype(np.int64) + np.arange(n)[:, None] * levels
    counts = np.bincount(index.reshape(-1), minlength=n * levels).reshape(n, levels)
    ends = np.cumsum(counts, axis=1, dtype=np.int32)
    middle = ((ends - 0.5 * counts) / size - 0.5).astype(np.float32)
    return np.take(middle.reshape(-1), index)


def learn(thumbs: Thumbnails, seed: int = 0) -> Embedding:
    """Learn the embedding from films.

    Args:
        thumbs: uint8 (N, 64, 64); a sample of a few thousand is enough.
        seed: of the edits.
    """
    basis = _low_terms()
    ranks = equalised(thumbs)
    _, axes = np.linalg.eigh(ranks.T @ ranks)
    # The first principal axis of ranks: all chests share it, and a negative lies against it.
    polarity = axes[:, -1].astype(np.float32)
    signs = np.where(ranks @ polarity < 0, -1.0, 1.0).astype(np.float32)
    terms = (ranks * signs[:, None]) @ basis
    mean = terms.mean(axis=0)
    if len(thumbs) < _FEWEST:
        # The mean of 20 films or fewer is mostly those films themselves: subtracting it would take
        # away what tells them apart.
        return Embedding(basis, mean if len(thumbs) > 20 else 0 * mean, polarity)
    centred = terms - mean
    between = centred.T @ centred / len(terms)
    within = np.zeros_like(between)
    rng = np.random.default_rng(seed)
    # How a film's own edits move its terms is the spread to be ignored (within); how films differ
    # from their mean is the spread to be kept (between).
    for _ in range(_EDITS):
        moved = (equalised(_edited(thumbs, rng)) * signs[:, None]) @ basis - terms
        within += moved.T @ moved / (len(terms) * _EDITS)
    floor = (_RIDGE * np.trace(within) / len(within) + 1e-6) * np.eye(len(within))
    gain, directions = eigh(between.astype(np.float64), within.astype(np.float64) + floor)
    # Equal spread along each direction: else a few directions that films share rule the cosine.
    spread = directions / np.sqrt(1.0 + gain)
    best = spread[:, ::-1][:, :DIMENSIONS].astype(np.float32)
    return Embedding(np.ascontiguousarray(basis @ best), mean @ best, polarity)


def unit(rows: Vectors) -> Vectors:
    """Rows of length one; rows of zeros stay so."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), np.float32)


def _low_terms() -> Vectors:
    """The lowest terms of the two-dimensional DCT but the mean, float32 (1024, K)."""
    one = dct(np.eye(SMALL), norm="ortho", axis=0)
    rows, columns = np.indices((SMALL, SMALL)).reshape(2, -1)
    low = (rows + columns < _LOWEST) & (rows + columns > 0)
    waves = np.einsum("ki,kj->ijk", one[rows[low]], one[columns[low]])
    return np.asarray(waves.reshape(SMALL**2, -1), np.float32)


def _sampling(warp: NDArray[np.float64]) -> Vectors:
    """Bilinear sampling as a matrix, float32 (1024, 1024): output from input places."""
    middle = (SMALL - 1) / 2
    rows, columns = np.indices((SMALL, SMALL)).reshape(2, -1)
    at = np.stack([columns - middle, rows - middle, np.full(rows.size, SMALL / 2)])
    x, y = np.clip(warp @ at + middle, 0, SMALL - 1)
    near_x = np.maximum(0.0, 1.0 - np.abs(x[:, None] - np.arange(SMALL)))
    near_y = np.maximum(0.0, 1.0 - np.abs(y[:, None] - np.arange(SMALL)))
    weights = near_y[:, :, None] * near_x[:, None, :]
    return np.asarray(weights.reshape(SMALL**2, -1), np.float32)


def _edited(thumbs: Thumbnails, rng: np.random.Generator) -> Thumbnails:
    """Small random crops, turns, blurs and noise of thumbnails."""
    out = np.empty_like(thumbs)
    middle = (SIDE - 1) / 2
    noise = rng.normal(0, 1, (SIDE * 2, SIDE * 2)).astype(np.float32)
    for i, thumb in enumerate(thumbs):
        # Edits milder than those that are searched for: 3 degrees, 3 % of shift, 8 % of crop, and
        # noise of 6 levels in 255. The looks bring the rest.
        angle, shift = np.radians(rng.uniform(-3, 3)), rng.uniform(-0.03, 0.03, 2) * SIDE
        across, down = rng.uniform(0.92, 1.0, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn * [across, down]
        warp = np.column_stack([linear, middle + shift - linear @ [middle, middle]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        plane = cv2.warpAffine(thumb, warp, (SIDE, SIDE), None, flags, cv2.BORDER_REPLICATE)
        top, left = rng.integers(0, SIDE, 2)
        grain = noise[top : top + SIDE, left : left + SIDE] * rng.uniform(0, 6)
        out[i] = np.clip(plane + grain, 0, 255)
    return out


def _look(degrees: float, scale: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    """A look at part of a film: float64 (2, 3), output to input place in unit coordinates."""
    cos, sin = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    return np.array([[cos, -sin, x], [sin, cos, y]])


# Each film looks at the others as it is, turned, and cropped at its middle and its corners. A pair
# is met from both sides, so the opposite turn and the widened film need no look of their own.
LOOKS = (
    _look(0, 1.0),
    _look(5, 1.0),
    _look(0, 0.9),
    _look(0, 0.8),
    _look(5, 0.88),
    _look(-5, 0.88),
    _look(0, 0.9, -0.09, -0.09),
    _look(0, 0.9, 0.09, -0.09),
    _look(0, 0.9, -0.09, 0.09),
    _look(0, 0.9, 0.09, 0.09),
)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs that may show one exposure, each once.

    Attributes:
        query: int32 (P,), the film that looked.
        other: int32 (P,), the film that it met.
        cosine: float32 (P,), likeness, [-1, 1].
        look: uint8 (P,), twice the index into ``LOOKS``, plus 1 where mirrored.
        signs: int8 (P, 2), polarity of either film, 1 or -1.
    """

    query: NDArray[np.int32]
    other: NDArray[np.int32]
    cosine: Vectors
    look: NDArray[np.uint8]
    signs: NDArray[np.int8]


def candidates(thumbs: Thumbnails, films: NDArray[np.int64], seed: int = 0) -> Candidates:
    """Nearest films of each film, under every look.

    The work grows as N^1.5 (inverted lists, Jegou et al. 2011) and memory by about 1.5 KB a film.

    Args:
        thumbs: uint8 (N, 64, 64), may be mapped from disk.
        films: int64 (M,), the films to compare, ascending.
        seed: of the sample and the edits that the embedding is fitted on.

    Returns:
        Pairs of indices into ``thumbs``, at most 3 a film and polarity.
    """
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(films)[:_SAMPLE])
    embedding = learn(np.asarray(thumbs[some]), seed)
    codes, lean, vectors = _embedded(thumbs, films, embedding)
    index = _index(vectors)
    views = [embedding.warped(warp, mirrored) for warp in LOOKS for mirrored in (False, True)]
    like = _LIKE if len(films) >= _FEWEST else _LIKE_FEW
    # Films whose polarity is not plain are asked for both ways round.
    unsure = np.flatnonzero(np.abs(lean) < _UNSURE)
    found = [
        _search(index, views, like, codes, rows[start : start + _BLOCK], turned)
        for rows, turned in ((np.arange(len(films)), 1), (unsure, -1))
        for start in range(0, len(rows), _BLOCK)
    ]
    query, other, cosine, look, turned = (np.concatenate(parts) for parts in zip(*found))
    # A pair is met from both sides and by several looks; the best one starts the alignment.
    keep = _best_of_pair(query, other, cosine, look)
    sign = np.where(lean < 0, -1, 1).astype(np.int8)
    signs = np.column_stack([sign[query[keep]] * turned[keep], sign[other[keep]]])
    index_of = films.astype(np.int32)
    return Candidates(index_of[query[keep]], index_of[other[keep]], cosine[keep], look[keep], signs)


def _embedded(
    thumbs: Thumbnails, films: NDArray[np.int64], embedding: Embedding
) -> tuple[NDArray[np.int8], Vectors, Vectors]:
    """Ranks of one polarity in 8 bits, (M, 1024), the lean before, (M,), and vectors, (M, D)."""
    codes = np.empty((len(films), SMALL**2), np.int8)
    lean = np.empty(len(films), np.float32)
    vectors = np.empty((len(films), embedding.size), np.float32)
    for start in range(0, len(films), _BLOCK):
        rows = slice(start, start + _BLOCK)
        ranks = equalised(np.asarray(thumbs[films[rows]]))
        lean[rows] = embedding.lean(ranks)
        ranks *= np.where(lean[rows] < 0, -1, 1).astype(np.float32)[:, None]
        vectors[rows] = embedding.apply(ranks)
        # 254: ranks in [-0.5, 0.5] fill the 8 bits, symmetrically about 0.
        codes[rows] = np.round(ranks * 254)
    return codes, lean, vectors


def _best_of_pair(
    query: NDArray[np.int32], other: NDArray[np.int32], cosine: Vectors, look: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Where each pair was met at its best, whoever looked; in order of the pairs."""
    low, high = np.minimum(query, other), np.maximum(query, other)
    order = np.lexsort((look, -cosine, high, low))
    low, high = low[order], high[order]
    first = np.ones(len(order), bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return order[first]


def _index(vectors: Vectors) -> faiss.Index:
    """Inner products, in inverted lists where there are many films."""
    n, d = vectors.shape
    flat = faiss.IndexFlatIP(d)
    # Every film against every other is exact, and up to here fast enough.
    if n <= _FLAT:
        flat.add(vectors)
        return flat
    # 4 sqrt(n) lists of which 8 are looked into: the common choice for inverted lists, and work
    # that grows as n^1.5.
    lists = faiss.IndexIVFFlat(flat, d, int(4 * np.sqrt(n)), faiss.METRIC_INNER_PRODUCT)
    lists.cp.min_points_per_centroid = 1
    lists.cp.max_points_per_centroid = 64
    lists.cp.niter = 8
    lists.nprobe = 8
    lists.train(vectors)
    lists.add(vectors)
    return lists


def _search(
    index: faiss.Index,
    views: list[Embedding],
    like: float,
    codes: NDArray[np.int8],
    rows: NDArray[np.int64],
    turned: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Vectors, NDArray[np.uint8], NDArray[np.int8]]:
    """The best few of each film over all looks: query, other, cosine, look, polarity turned."""
    ranks = codes[rows].astype(np.float32) * (turned / 254)
    cosines, others = [], []
    for view in views:
        # One more than wanted: the nearest is the film itself.
        cosine, other = index.search(view.apply(ranks), _NEAREST + 1)
        cosines.append(np.where((other == rows[:, None]) | (other < 0), -1.0, cosine))
        others.append(other)
    cosine, other = np.concatenate(cosines, axis=1), np.concatenate(others, axis=1)
    look = np.repeat(np.arange(len(views)), _NEAREST + 1)
    # Each other film counts once a query, at its best look.
    order = np.argsort(-cosine, axis=1, kind="stable")
    cosine = np.take_along_axis(cosine, order, axis=1)
    other = np.take_along_axis(other, order, axis=1)
    by_film = np.argsort(other, axis=1, kind="stable")
    ranked = np.take_along_axis(other, by_film, axis=1)
    again = np.zeros_like(ranked, bool)
    again[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    repeated = np.empty_like(again)
    np.put_along_axis(repeated, by_film, again, axis=1)
    good = (cosine >= like) & ~repeated
    good &= np.cumsum(good, axis=1) <= _KEEP
    at, place = np.nonzero(good)
    return (
        rows[at].astype(np.int32),
        other[at, place].astype(np.int32),
        cosine[at, place].astype(np.float32),
        look[order[at, place]].astype(np.uint8),
        np.full(len(at), turned, np.int8),
    )
