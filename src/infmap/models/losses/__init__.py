"""Losses by name over the three maps, and cross-entropy over the class; unknowns left out."""

from infmap.models.losses.combined import MAP_LOSSES, Targets, create_loss
from infmap.models.losses.terms import (
    boundary_loss,
    dice_loss,
    focal_loss,
    pooled_dice_loss,
    presence_loss,
    tversky_loss,
)

__all__ = [
    "MAP_LOSSES",
    "Targets",
    "boundary_loss",
    "create_loss",
    "dice_loss",
    "focal_loss",
    "pooled_dice_loss",
    "presence_loss",
    "tversky_loss",
]
