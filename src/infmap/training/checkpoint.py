"""The checkpoint of a run that is not finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import torch
from torch import Tensor

from infmap.core.errors import ModelError
from infmap.core.files import replacing
from infmap.models import Network
from infmap.training.config import TrainingConfig
from infmap.training.early_stopping import EarlyStopping, Kept

CHECKPOINT = "checkpoint.pt"
"""In a model folder to be."""


class Checkpoint(TypedDict):
    """What the file holds: a run between two steps."""

    config: str
    """The run's configuration, JSON."""
    step: int
    """Steps that are done."""
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, object]
    watch: NotRequired[Kept]
    """Early stopping; files of infmap 0.1 lack it."""


def write_checkpoint(
    file: Path,
    config: TrainingConfig,
    step: int,
    network: Network,
    average: Network,
    optimizer: torch.optim.Optimizer,
    stopping: EarlyStopping,
) -> None:
    """Write the checkpoint beside its name, then rename: a kill leaves the old one whole."""
    state: Checkpoint = {
        "config": config.model_dump_json(),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "watch": stopping.state(),
    }
    with replacing(file) as part:
        torch.save(state, part)


def read_checkpoint(file: Path, config: TrainingConfig) -> Checkpoint | None:
    """The checkpoint of this configuration, or None where there is none."""
    if not file.exists():
        return None
    # Tensors and plain values alone: a file that came from elsewhere runs no code.
    state: Checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    # Fields that came after the checkpoint was written count at their defaults.
    kept = TrainingConfig.model_validate_json(state["config"])
    if json.loads(kept.model_dump_json()) != json.loads(config.model_dump_json()):
        raise ModelError(f"{file}: belongs to another configuration: choose another output folder")
    return state


def restore(
    state: Checkpoint | None,
    network: Network,
    average: Network,
    optimizer: torch.optim.Optimizer,
    stopping: EarlyStopping,
) -> int:
    """Go on from a checkpoint: the step to do next."""
    if state is None:
        return 0
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    if "watch" in state:
        stopping.restore(state["watch"])
    return state["step"]
