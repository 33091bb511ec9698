"""A network in training, run over packed films."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from infmap.models import Network
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.validation import Score, film_confidence, score_films


def validate(network: Network, films: Films, config: TrainingConfig) -> Score:
    """Score a network on films it was not trained on, at the stored size."""
    maps, logits = predict_films(network, films, config)
    return score_films(maps, film_confidence(maps, logits), films)


@torch.inference_mode()
def predict_films(
    network: Network, films: Films, config: TrainingConfig
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Maps uint8 (N, 3, S, S), 0..255 = probability, and class logits float32 (N, 3)."""
    device = next(network.parameters()).device
    maps = np.zeros((len(films), 3, *films.images.shape[1:]), np.uint8)
    classes = np.zeros((len(films), 3), np.float32)
    for start in range(0, len(films), 32):
        part = slice(start, start + 32)
        x = torch.from_numpy(films.images[part].astype(np.float32)).unsqueeze(1) / 255.0
        with torch.autocast(device.type, torch.bfloat16, config.precision == "bfloat16"):
            out = network(x.to(device, memory_format=torch.channels_last))
        maps[part] = (torch.sigmoid(out.maps.float()) * 255.0).round().byte().cpu().numpy()
        classes[part] = out.classes.float().cpu().numpy()
    return maps, classes
