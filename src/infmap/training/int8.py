"""The int8 copy of a model folder's network, kept where it loses little."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from infmap.training.calibration import read_outputs
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.export import quantize
from infmap.training.log import Log
from infmap.training.validation import Score, film_confidence, score_films

CALIBRATION_FILMS = 200
"""Films that an int8 network's ranges are measured on."""


def choose_precision(
    folder: Path,
    films: Films,
    val: Films,
    config: TrainingConfig,
    say: Log,
) -> Literal["int8", "float"]:
    """Replace the model folder's OpenVINO network by its int8 copy if that loses little Dice.

    The copy is calibrated on training images. It is kept if, on the validation set, the mean Dice
    of films with infection (each network at the threshold that is best for it, as operating points
    are chosen on the network that ships), that of the lungs and the AUROC each fall by no more than
    ``config.int8_loss``.

    Returns:
        "int8", or "float" where the copy lost more, was not asked for, or could not be measured.
    """
    if config.int8_loss is None or not len(val):
        return "float"
    before = _raw_score(folder, val)
    chosen = np.random.default_rng(config.seed).permutation(len(films))[:CALIBRATION_FILMS]
    copy = folder / "int8"
    quantize(folder, films.images[chosen].astype(np.float32) / 255.0, copy)
    after = _raw_score(copy, val)
    losses = {
        "infection Dice": before.dice_positive - after.dice_positive,
        "lung Dice": before.dice_lungs - after.dice_lungs,
        "AUROC": before.auroc - after.auroc,
    }
    known = {name: round(float(loss), 5) for name, loss in losses.items() if np.isfinite(loss)}
    say({"int8_losses": known, "allowed": config.int8_loss})
    loss = max(known.values(), default=None)
    keep = loss is not None and loss <= config.int8_loss
    for name in ("network.xml", "network.bin"):
        if keep:
            (copy / name).replace(folder / name)
        else:
            (copy / name).unlink()
    copy.rmdir()
    return "int8" if keep else "float"


def _raw_score(folder: Path, films: Films) -> Score:
    outputs = read_outputs(folder, films)
    return score_films(outputs.maps, film_confidence(outputs.maps, outputs.logits), films)
