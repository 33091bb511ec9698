"""The networks of the simulated study: heads trained on a growing set of approved masks.

A frozen EfficientNet-Lite0 with ImageNet weights, which has seen neither a chest film nor a mask,
gives every point of a 32 x 32 grid its features at strides 4, 8, 16 and 32. They are computed once
and kept in a file, as they are and less their mean over the film's lungs. Two heads of different
kinds are trained on points inside the lungs of approved films, a logistic regression and boosted
trees; the third network is the mean of both. Each is fitted in a second on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

FULL, SIDE, FINE, GRID = 256, 128, 64, 32
"""Pixels a side of a film of COVID-QU-Ex and of a mask of the study; points of the grids."""
COMPONENTS = 96
"""Principal components kept of the 496 channels, with 75 % of their variance."""
ABSOLUTE = 60
"""Features that a head also gets as they are; the first ones, which vary most."""
POINTS = 120
"""Points of a film that a head is trained on, half of them infected where there are so many."""
THRESHOLDS = np.arange(0.25, 0.91, 0.05)
SHIPPED = "infmap-lite0"


@dataclass(frozen=True, eq=False)
class Films:
    """The films of the study, N of them.

    Attributes:
        names: N file names.
        truth: bool (N, 128, 128), the published infection masks: hidden from every network.
        lungs: bool (N, 128, 128), the published lung masks; a lung network reaches Dice 0.97.
        inside: bool (N, 32, 32), grid points in the lungs.
        of_point: int32 (P,), film of every point inside, ascending.
        features: float32 (P, C).
        shipped: bool (N, 128, 128), what the shipped model takes for infected.
    """

    names: list[str]
    truth: NDArray[np.bool_]
    lungs: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    of_point: NDArray[np.int32]
    features: NDArray[np.float32]
    shipped: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)


class Head(Protocol):
    """What scikit-learn's classifiers have in common."""

    def fit(self, x: NDArray[np.float32], y: NDArray[np.bool_]) -> object: ...  # noqa: D102

    def predict_proba(self, x: NDArray[np.float32]) -> NDArray[np.float64]: ...  # noqa: D102


def _logistic(seed: int) -> Head:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.05, max_iter=60, tol=1e-3, random_state=seed)


def _trees(seed: int) -> Head:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=40, learning_rate=0.2, max_leaf_nodes=15, max_features=0.3, max_bins=63,
        early_stopping=False, random_state=seed,
    )  # fmt: skip


HEADS: dict[str, Callable[[int], Head]] = {
    "logistic": _logistic,
    "trees": _trees,
}


def propose(
    films: Films,
    approved: NDArray[np.int64],
    masks: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    seed: int,
) -> dict[str, NDArray[np.bool_]]:
    """Train the heads on approved films and propose masks for others.

    Args:
        films: the study's films; their truth is not looked at.
        approved: int64 (M,), films with an approved mask.
        masks: bool (M, 128, 128), those masks.
        wanted: int64 (K,), films to propose for.
        seed: of the draw of points and of the heads.

    Returns:
        bool (K, 128, 128) by network.
    """
    rng = np.random.default_rng(seed)
    # A fifth of the approved films choose each head's threshold, the others train it.
    order = rng.permutation(len(approved))
    held = order[: max(4, len(order) // 5)]
    taught = order[len(held) :]
    x, y = _points(films, approved[taught], masks[taught], rng)
    found, shown = [], []
    for number, make in enumerate(HEADS.values()):
        head = make(seed * 10 + number)
        head.fit(x, y)
        found.append(_maps(films, head, wanted))
        shown.append(_maps(films, head, approved[held]))
    found.append(np.mean(found, axis=0))
    shown.append(np.mean(shown, axis=0))
    out = {}
    for name, maps, seen in zip([*HEADS, "mean"], found, shown, strict=True):
        scores = [dice(seen >= t, masks[held]).mean() for t in THRESHOLDS]
        out[name] = (maps >= THRESHOLDS[int(np.argmax(scores))]) & films.lungs[wanted]
    return out


def _points(
    films: Films, which: NDArray[np.int64], masks: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, labels = [], []
    for film, mask in zip(which, masks, strict=True):
        first, last = np.searchsorted(films.of_point, [film, film + 1])
        infected = pooled(mask, GRID)[films.inside[film]] >= 0.5
        for group in (np.flatnonzero(infected), np.flatnonzero(~infected)):
            pick = rng.permutation(group)[: POINTS // 2]
            rows.append(films.features[first:last][pick])
            labels.append(infected[pick])
    return np.concatenate(rows), np.concatenate(labels)


def _maps(films: Films, head: Head, which: NDArray[np.int64]) -> NDArray[np.float32]:
    """Probabilities, float32 (K, 128, 128), smoothed over one grid point."""
    spans = [np.searchsorted(films.of_point, [film, film + 1]) for film in which]
    rows = np.concatenate([films.features[first:last] for first, last in spans])
    found = head.predict_proba(rows)[:, 1].astype(np.float32)
    out = np.zeros((len(which), SIDE, SIDE), np.float32)
    at = 0
    for k, (film, (first, last)) in enumerate(zip(which, spans, strict=True)):
        grid = np.zeros((GRID, GRID), np.float32)
        inside = films.inside[film]
        grid[inside] = found[at : at + last - first]
        at += last - first
        # Weights of the points inside alone, so that the lungs' border does not fade.
        weight = ndimage.gaussian_filter(inside.astype(np.float32), 1.0)
        smooth = ndimage.gaussian_filter(grid, 1.0) / np.maximum(weight, 1e-3)
        picture = Image.fromarray(smooth).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        out[k] = np.asarray(picture)
    return out


def pooled(plane: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """Means of squares, float32 (side, side), of a plane (S, S)."""
    step = plane.shape[0] // side
    return plane.reshape(side, step, side, step).mean(axis=(1, 3), dtype=np.float32)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice of masks (N, H, W) by film, float64 (N,); 1 where both are empty."""
    both, sizes = (a & b).sum(axis=(1, 2)), a.sum(axis=(1, 2)) + b.sum(axis=(1, 2))
    return np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), 1.0)


def load(folder: Path, cache: Path, only: Path | None = None, model: str = SHIPPED) -> Films:
    """Films of FOLDER/{images,infection masks,lung masks}; features from CACHE, or kept there.

    Args:
        folder: of the films.
        cache: file of features.
        only: file of the names of the films to take, one a line; all by default.
        model: name or folder of the network that is not trained in the study.
    """
    names = sorted(path.name for path in (folder / "images").glob("*.png"))
    if only is not None:
        wanted = set(only.read_text(encoding="utf-8").splitlines())
        if missing := wanted - set(names):
            raise SystemExit(f"{only}: expected names of films, got {min(missing)!r}")
        names = sorted(wanted)
    lungs = np.stack([_mask(folder / "lung masks" / name) for name in names])
    if not cache.is_file():
        _fill(cache, folder, names, lungs, model)
    with np.load(cache) as file:
        if list(file["names"]) != names:
            raise SystemExit(f"{cache}: holds features of other films; delete it")
        inside, features = file["inside"], file["features"].astype(np.float32)
        shipped = np.unpackbits(file["shipped"], axis=-1).astype(bool)
    of_point = np.repeat(np.arange(len(names), dtype=np.int32), inside.sum(axis=(1, 2)))
    mean = np.zeros((len(names), features.shape[1]), np.float32)
    np.add.at(mean, of_point, features)
    mean /= np.maximum(np.bincount(of_point, minlength=len(names)), 1)[:, None]
    features = np.concatenate([features[:, :ABSOLUTE], features - mean[of_point]], axis=1)
    truth = [_mask(folder / "infection masks" / name) for name in names]
    small = [
        np.stack([pooled(mask, SIDE) >= 0.5 for mask in masks]) for masks in (truth, lungs, shipped)
    ]
    return Films(names, small[0], small[1], inside, of_point, features, small[2])


def _mask(path: Path) -> NDArray[np.bool_]:
    return np.asarray(Image.open(path).convert("L")) > 127


def _fill(
    cache: Path, folder: Path, names: list[str], lungs: NDArray[np.bool_], model: str
) -> None:
    """Run both networks over all films once."""
    import torch
    import torch.nn.functional as F
    from sklearn.decomposition import PCA

    from infmap.api import model_folder
    from infmap.core.errors import FilmError
    from infmap.dicom import read_radiograph
    from infmap.inference import Predictor
    from infmap.models.encoders import create_encoder
    from infmap.models.weights import load_weights

    predictor = Predictor(model_folder(model))
    encoder = create_encoder("efficientnet_lite0").eval()
    load_weights(encoder, "efficientnet_lite0", "imagenet")
    row, column = np.mgrid[:FINE, :FINE].astype(np.float32) / FINE
    inside, shipped, rows = [], [], []
    for name, lung in zip(names, lungs, strict=True):
        path = folder / "images" / name
        try:
            shipped.append(predictor.predict(read_radiograph(path)).infected)
        except FilmError:  # rejected by the quality gate: this model proposes nothing
            shipped.append(np.zeros((FULL, FULL), np.bool_))
        grey = np.asarray(Image.open(path).convert("L"), np.float32) / 255
        # The same stretch as for the shipped model, of the lungs' grey levels.
        low, high = np.percentile(grey[lung], [1, 99]) if lung.any() else (0.0, 1.0)
        grey = np.clip((grey - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)
        with torch.inference_mode():
            pyramid = encoder(torch.from_numpy(grey)[None, None])[2:]
            size = (FINE, FINE)
            maps = [
                F.interpolate(p, size, mode="bilinear", align_corners=False)[0] for p in pyramid
            ]
        points = pooled(lung, FINE) >= 0.5
        border = ndimage.distance_transform_edt(points).astype(np.float32) / FINE
        small = pooled(grey, FINE)
        hand = [row, column, border, small, *(ndimage.gaussian_filter(small, s) for s in (1, 3))]
        planes = np.concatenate([np.stack(hand), torch.cat(maps).numpy()])
        inside.append(points)
        rows.append(planes[:, points].T.astype(np.float16))
    flat = np.concatenate(rows).astype(np.float32)
    deep = flat[:, 6:]
    deep = (deep - deep.mean(axis=0)) / (deep.std(axis=0) + 1e-6)
    some = np.random.default_rng(0).permutation(len(deep))[:40_000]
    pca = PCA(COMPONENTS, random_state=0).fit(deep[some])
    flat = np.concatenate([flat[:, :6], pca.transform(deep)], axis=1)
    flat = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    # Every second point of the fine grid either way: neighbours there say nearly the same.
    fine = np.stack(inside)
    kept = np.zeros_like(fine)
    kept[:, 1::2, 1::2] = True
    np.savez(
        cache,
        names=np.array(names),
        inside=fine[:, 1::2, 1::2],
        features=flat[kept[fine]].astype(np.float16),
        shipped=np.packbits(np.stack(shipped), axis=-1),
        explained=pca.explained_variance_ratio_.sum(),
    )
