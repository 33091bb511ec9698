"""The torch network of a model folder."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TypedDict

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from infmap.core.errors import ModelError, UsageError
from infmap.models.network import LIGHT_DECODER, Infection, Network, create_model

MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
OLD_WEIGHTS = "weights.pt"
"""What infmap 0.1 wrote, still read."""


class Configuration(TypedDict, total=False):
    """What a manifest says of the network, see ``NetworkConfig`` of ``infmap.training.config``."""

    decoder: str
    encoder: str
    channels: list[int] | None
    infection: Infection
    deep_supervision: bool


def load_network(folder: Path) -> Network:
    """Build a model folder's network from its manifest and load its weights.

    The weights are those that training goes on from: float16 in the file, float32 in memory. An
    OpenVINO network in int8, as ``infmap predict`` runs it, differs from it by rounding.

    Args:
        folder: the model folder, with ``manifest.json`` and ``weights.safetensors``.

    Returns:
        The network on the CPU, in evaluation mode.

    Raises:
        ModelError: a file is missing or damaged, or the weights do not match the manifest.
    """
    configuration = _configuration(folder / MANIFEST)
    try:
        network = create_model(
            configuration["decoder"],
            configuration["encoder"],
            infection=configuration.get("infection", "independent"),
            deep_supervision=bool(configuration.get("deep_supervision", False)),
            channels=_channels(configuration),
        )
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ModelError(f"{folder / MANIFEST}: describes no network: {error}") from error
    file, state = read_weights(folder)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file}: does not match the network that {MANIFEST} describes; train the model again"
        ) from error
    return network.eval()


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """Weights of a model folder, as they are stored.

    Returns:
        The file they were read from, and name to tensor: float16 on the CPU.

    Raises:
        ModelError: the file is missing or damaged.
    """
    file = folder / WEIGHTS
    if not file.is_file() and (folder / OLD_WEIGHTS).is_file():
        file = folder / OLD_WEIGHTS
    if not file.is_file():
        raise ModelError(f"{file}: is missing; train the model again, or use the shipped one")
    try:
        if file.name == WEIGHTS:
            return file, load_file(file)
        return file, torch.load(file, map_location="cpu", weights_only=True)
    except (
        SafetensorError, OSError, EOFError, RuntimeError, pickle.UnpicklingError, ValueError,
    ) as error:  # fmt: skip
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{file}: is no readable weight file ({reason})") from error


def _configuration(file: Path) -> Configuration:
    """What the manifest says of the network."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        configuration: Configuration = values["training"]["configuration"]["network"]
    except OSError as error:
        raise ModelError(
            f"{file.parent}: no model folder, {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    except ValueError as error:
        raise ModelError(f"{file}: is not JSON: {error}") from error
    except (KeyError, TypeError) as error:
        raise ModelError(f"{file}: does not say how the network was built") from error
    if not isinstance(configuration, dict):
        raise ModelError(f"{file}: does not say how the network was built")
    return configuration


def _channels(configuration: Configuration) -> tuple[int, ...]:
    """The decoder's widths: those that the manifest names, else what was built before it did."""
    given = configuration.get("channels")
    return LIGHT_DECODER if given is None else tuple(int(width) for width in given)
