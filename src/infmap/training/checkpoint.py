"""The checkpoint of a run that is not finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from infmap.core.errors import ModelError
from infmap.core.files import replacing
from infmap.models import Network
from infmap.training.config import TrainingConfig
from infmap.training.early_stopping import EarlyStopping

CHECKPOINT = "checkpoint.pt"
"""In a model folder to be."""


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
    state = {
        "config": config.model_dump_json(),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "watch": stopping.state(),
    }
    with replacing(file) as part:
        torch.save(state, part)


def read_checkpoint(file: Path, config: TrainingConfig) -> dict[str, Any] | None:
    """The checkpoint of this configuration, or None where there is none."""
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    # Fields that came after the checkpoint was written count at their defaults.
    kept = TrainingConfig.model_validate_json(state["config"])
    if json.loads(kept.model_dump_json()) != json.loads(config.model_dump_json()):
        raise ModelError(f"{file}: belongs to another configuration: choose another output folder")
    return state


def restore(
    state: dict[str, Any] | None,
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
    return int(state["step"])
