"""Speed of the metrics on this processor, against MONAI and scikit-learn, in one run.

    python benchmarks/metrics.py [--pairs 10000] [--peer-pairs 200] [-o FILE.json]

Pairs of masks, 256 x 256, drawn from a seed: two ragged ellipses, shifted and scaled in the
prediction; a fifth of the films has empty truth, one in thirty an empty prediction. Ours goes
through all pairs: pixel counts, normalized surface Dice and HD95, then the tables with 1,000
bootstrap draws by patient. The peers go through the first of the same pairs only and their seconds
are extrapolated to all, which is said in the result; they give no intervals. Their figures on those
pairs are compared with ours, so that equal things are timed. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from infmap import metrics  # noqa: E402
from infmap.metrics.surface import SurfaceFigures, surface_figures, surface_table  # noqa: E402

SIZE, CHUNK, TOLERANCE = 256, 250, 2.0
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]


def ellipses(rows: NDArray[np.float32]) -> Bool:
    """Ragged ellipses, bool (N, 256, 256), from (N, 5): centre y, x, half axes, phase."""
    y = np.arange(SIZE, dtype=np.float32)[None, :, None]
    x = np.arange(SIZE, dtype=np.float32)[None, None, :]
    cy, cx, a, b, phase = (rows[:, i, None, None] for i in range(5))
    across = (x - (cx + 5 * np.sin(0.15 * y + phase))) / b
    across *= across
    across += ((y - cy) / a) ** 2
    inside: Bool = across <= 1
    return inside


def pairs(count: int, seed: int = 0) -> Iterator[tuple[Bool, Bool]]:
    """Truth and prediction, bool (n, 256, 256) each, a chunk at a time."""
    low, high = [60, 50, 15, 10, 0], [200, 110, 60, 40, 6]
    for start in range(0, count, CHUNK):
        rng = np.random.default_rng([seed, start])
        masks = []
        left = rng.uniform(low, high, (CHUNK, 5))
        right = left * [1, 1, 0.8, 0.8, 1] + [3, 90, 0, 0, 1]
        for shift, scale in ((0, 0), (5, 0.2)):
            mask = np.zeros((CHUNK, SIZE, SIZE), dtype=np.bool_)
            for side in (left, right):
                moved = side + rng.uniform(-shift, shift, (CHUNK, 5)) * [1, 1, 0, 0, 0.06]
                moved[:, 2:4] *= rng.uniform(1 - scale, 1 + scale, (CHUNK, 2))
                mask |= ellipses(moved.astype(np.float32))
            masks.append(mask)
        index = np.arange(start, start + CHUNK)
        masks[0][index % 5 == 4] = False
        masks[1][index % 30 == 7] = False
        yield masks[0][: count - start], masks[1][: count - start]


class Clock:
    """Wall and processor seconds by name."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        """Run and time a call."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
        return result


def ours(count: int, clock: Clock) -> tuple[metrics.Confusion, SurfaceFigures]:
    """All figures of all pairs, and their tables."""
    counts, surfaces = [], []
    for t, p in pairs(count):
        counts.append(clock("pixel counts", partial(metrics.confusion, t, p)))
        surfaces.append(clock("surface", partial(surface_figures, t, p, TOLERANCE)))
    columns = [np.concatenate([getattr(c, k) for c in counts]) for k in ("tp", "fp", "fn", "tn")]
    all_counts = metrics.Confusion(*columns)
    all_surfaces = SurfaceFigures(
        *(
            np.concatenate([getattr(s, k) for s in surfaces])
            for k in ("nsd", "hd95", "truth", "predicted")
        )
    )
    patients = np.arange(count) // 2
    clock(
        "pixel table", lambda: metrics.segmentation_table(all_counts, metrics.Bootstrap(patients))
    )
    clock("surface table", lambda: surface_table(all_surfaces, metrics.Bootstrap(patients)))
    return all_counts, all_surfaces


def peers(count: int, clock: Clock) -> tuple[Float64, Float64, Float64, Float64]:
    """Of the first pairs MONAI's nsd, hd95 and F1, and scikit-learn's F1."""
    import torch
    from monai.metrics.confusion_matrix import (
        compute_confusion_matrix_metric,
        get_confusion_matrix,
    )
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice
    from sklearn.metrics import confusion_matrix

    torch.set_num_threads(1)
    names = ("sensitivity", "specificity", "precision", "f1 score", "accuracy", "threat score")

    def pixels(t: Any, p: Any) -> Any:
        cells = get_confusion_matrix(p, t)
        return [compute_confusion_matrix_metric(name, cells) for name in names][3]

    found: list[list[Any]] = [[], [], [], []]
    for truth, predicted in pairs(count):
        t, p = (torch.from_numpy(m[:, None].astype(np.float32)) for m in (truth, predicted))
        calls: dict[str, Callable[[], Any]] = {
            "monai surface dice": partial(compute_surface_dice, p, t, [TOLERANCE], True),
            "monai hd95": partial(compute_hausdorff_distance, p, t, True, percentile=95),
            "monai pixels": partial(pixels, t, p),
        }
        for i, (name, call) in enumerate(calls.items()):
            found[i].append(clock(name, call).numpy().reshape(-1))
        for a, b in zip(truth, predicted):
            flat = a.reshape(-1), b.reshape(-1)
            cells = clock("sklearn pixels", partial(confusion_matrix, *flat, labels=[False, True]))
            bottom = 2 * cells[1, 1] + cells[0, 1] + cells[1, 0]
            found[3].append([2 * cells[1, 1] / bottom if bottom else np.nan])
    nsd, hd95, monai_f1, sklearn_f1 = (np.concatenate(part).astype(np.float64) for part in found)
    return nsd, hd95, monai_f1, sklearn_f1


def gap(ours: Float64, theirs: Float64) -> float:
    """Largest difference where both have a finite figure."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    return float(np.abs(ours[both] - theirs[both]).max())


def summary(mine: dict[str, float], peer: dict[str, float]) -> dict[str, Any]:
    """Seconds of all pairs, and the peers' over ours."""
    monai = {name: s for name, s in peer.items() if name.startswith("monai")}
    surface = monai["monai surface dice"] + monai["monai hd95"]
    return {
        **{name: round(s, 2) for name, s in mine.items()},
        "total": round(sum(mine.values()), 2),
        **{name: round(s, 2) for name, s in peer.items()},
        "MONAI over ours, pixels": round(monai["monai pixels"] / mine["pixel counts"], 1),
        "MONAI over ours, surface": round(surface / mine["surface"], 1),
        "MONAI over ours, total": round(sum(monai.values()) / sum(mine.values()), 1),
        "scikit-learn over ours, pixels": round(peer["sklearn pixels"] / mine["pixel counts"], 1),
    }


def main() -> None:
    """Print, and write, seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--peer-pairs", type=int, default=200)
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    few = min(given.peer_pairs, given.pairs)
    clock, theirs = Clock(), Clock()
    counts, surfaces = ours(given.pairs, clock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers(2, Clock())  # first calls load and allocate
        nsd, hd95, monai_f1, sklearn_f1 = peers(few, theirs)
    scale = given.pairs / few
    result = {
        "pairs": given.pairs,
        "peers": f"seconds extrapolated from {few} pairs, without intervals",
        **{
            f"{kind} seconds": summary(mine, {name: s * scale for name, s in peer.items()})
            for kind, mine, peer in (
                ("wall", clock.wall, theirs.wall),
                ("processor", clock.cpu, theirs.cpu),
            )
        },
        "largest difference": {
            "nsd, MONAI": gap(surfaces.nsd[:few], nsd),
            "hd95, MONAI": gap(surfaces.hd95[:few], hd95),
            "f1, MONAI": gap(counts.f1()[:few], monai_f1),
            "f1, scikit-learn": gap(counts.f1()[:few], sklearn_f1),
        },
    }
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
