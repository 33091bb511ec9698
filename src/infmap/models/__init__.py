"""Networks by name, their losses, and the weights they start from."""

from infmap.core.types import CLASSES
from infmap.models.decoders import DECODERS
from infmap.models.description import describe
from infmap.models.encoders import ENCODERS
from infmap.models.losses import MAP_LOSSES, Targets, create_loss
from infmap.models.network import Network, Output, create_model
from infmap.models.weights import load_weights

__all__ = [
    "CLASSES",
    "DECODERS",
    "ENCODERS",
    "MAP_LOSSES",
    "Network",
    "Output",
    "Targets",
    "create_loss",
    "create_model",
    "describe",
    "load_weights",
]
