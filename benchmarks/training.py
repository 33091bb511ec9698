"""Training speed of U-Net on DenseNet-121 against a plain loop, in one process.

    python benchmarks/training.py [--rounds 3] [--steps 3] [--batch 16] [--size 224]

The peer is what a tutorial of segmentation_models.pytorch writes: its U-Net in float32, in the
usual memory layout, focal and Dice loss of the same package, Adam, on tensors that lie ready. Ours
is the loop of ``infmap train``, with a decoder of the same widths, four outputs, augmentation, the
moving average of weights and all checks. The two take turns; each turn starts with a step that
does not count. Films are random: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from infmap.models._torchvision import ensure_importable
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.loop import train

WIDTHS = (256, 128, 64, 32, 16)


def plain(steps: int, batch: int, size: int) -> float:
    """Films a second of the plain loop."""
    ensure_importable()
    import segmentation_models_pytorch as smp

    network = smp.Unet(
        "densenet121", encoder_weights=None, in_channels=1, classes=1, decoder_channels=WIDTHS
    )
    focal, dice = smp.losses.FocalLoss("binary"), smp.losses.DiceLoss("binary")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    images = torch.rand(batch, 1, size, size)
    masks = (torch.rand(batch, 1, size, size) > 0.8).float()
    network.train()
    for step in range(steps + 1):
        if step == 1:
            began = time.perf_counter()
        optimizer.zero_grad()
        logits = network(images)
        loss = focal(logits, masks) + dice(logits, masks)
        loss.backward()
        optimizer.step()
    return steps * batch / (time.perf_counter() - began)


def ours(steps: int, batch: int, size: int) -> float:
    """Films a second of ``infmap train``, from the end of its first epoch of one step."""
    rng = np.random.default_rng(0)
    films = Films(
        [{"film_id": f"s/{n}", "source": "s"} for n in range(batch)],
        rng.integers(0, 256, (batch, size, size), np.uint8),
        rng.integers(0, 8, (batch, size, size), np.uint8),
        np.ones((batch, 3), np.uint8),
        rng.integers(0, 3, batch),
    )
    none = Films([], films.images[:0], films.masks[:0], films.truth[:0], films.classes[:0])
    stage = {"epochs": steps + 1, "size": size, "learning_rate": 1e-4, "sources": {"s": 1}}
    network: dict[str, Any] = {"encoder": "densenet121", "weights": "random", "channels": WIDTHS}
    config = TrainingConfig.model_validate(
        {"snapshot": "none", "size": size, "batch_size": batch, "network": network,
         "stages": [stage], "device": "cpu"}
    )  # fmt: skip
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(config, films, none, Path(folder), lambda _: ends.append(time.perf_counter()))
    return steps * batch / (ends[-1] - ends[0])


def main() -> None:
    """Take turns and print films a second and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"plain": [], "infmap": []}
    for _ in range(given.rounds):
        rates["plain"].append(plain(given.steps, given.batch, given.size))
        rates["infmap"].append(ours(given.steps, given.batch, given.size))
    ratios = [b / a for a, b in zip(rates["plain"], rates["infmap"], strict=True)]
    medians = {f"{name} films/s": round(statistics.median(v), 2) for name, v in rates.items()}
    result = {
        "batch": given.batch,
        "size": given.size,
        "threads": torch.get_num_threads(),
        **medians,
        "ratio": round(statistics.median(ratios), 2),
        "ratio of each round": [round(r, 2) for r in ratios],
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
