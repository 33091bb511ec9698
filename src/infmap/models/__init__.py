"""Networks by name, their losses, and how they are exported."""

from infmap.models.encoders import ENCODERS, load_imagenet
from infmap.models.losses import Targets, hybrid_loss
from infmap.models.network import CLASSES, DECODERS, Network, Output, create_model

__all__ = [
    "CLASSES",
    "DECODERS",
    "ENCODERS",
    "Network",
    "Output",
    "Targets",
    "create_model",
    "hybrid_loss",
    "load_imagenet",
]
