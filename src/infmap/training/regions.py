"""Where the lungs are on films whose lung masks are unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infmap.core.types import Truth
from infmap.models import Network
from infmap.training.config import TrainingConfig
from infmap.training.dataset import LUNGS, Films
from infmap.training.predict import predict_films


def with_lungs(films: Films, network: Network, config: TrainingConfig) -> Films:
    """Films with the lungs that a network finds, where theirs are unknown.

    They say where style and opacities are exchanged, and no more: their truth stays unknown, so
    that no loss compares the network with them.

    Args:
        films: of which those with unknown lungs are read.
        network: that the run starts from, trained to find lungs; in any mode, left in evaluation.
        config: the run.
    """
    unknown = films.truth[:, 2] != Truth.DENSE
    if not unknown.any():
        return films
    maps, _ = predict_films(network.eval(), films.part(unknown), config)
    masks = films.masks.copy()
    masks[unknown] &= np.uint8(~LUNGS & 0xFF)
    masks[unknown] |= (maps[:, 2] >= 128) * np.uint8(LUNGS)
    return replace(films, masks=masks)
