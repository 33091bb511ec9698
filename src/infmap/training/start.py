"""What a run starts from: network, weights, loss, and groups of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from infmap.core.errors import ModelError
from infmap.core.files import sha256
from infmap.models import Network, Output, Targets, create_loss, create_model, load_weights
from infmap.models.folder import read_weights
from infmap.training.config import TrainingConfig
from infmap.training.depthwise import with_fast_gradients


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes:
        network: with its first weights, on the CPU.
        weights: one line for the manifest: where they come from, with their SHA-256.
        has_maps: the decoder and its heads are trained too, not the encoder alone.
    """

    network: Network
    weights: str
    has_maps: bool


def starting_network(config: TrainingConfig) -> Start:
    """A network with the weights that the configuration starts from.

    A model folder gives all its weights, but its encoder's alone where it is a classifier and the
    network has a decoder.

    Raises:
        UsageError: the network or its weights are unknown.
        ModelError: the weights cannot be read or do not fit.
    """
    spec = config.network
    network = create_model(
        spec.decoder,
        spec.encoder,
        frozen=spec.frozen,
        channels=spec.channels,
        infection=spec.infection,
        deep_supervision=spec.deep_supervision,
    )
    if not Path(spec.weights).is_dir():
        line = load_weights(network.encoder, spec.encoder, spec.weights)
        return Start(network, line, has_maps=False)
    file, state = read_weights(Path(spec.weights))
    if _of_classifier(state) and not _of_classifier(network.state_dict()):
        load_weights(network.encoder, spec.encoder, file)
        line = f"{spec.encoder}: encoder of classifier {file.parent.name}, sha256 {sha256(file)}"
        return Start(network, line, has_maps=False)
    if spec.infection == "conditional":
        state = {name: _without_infection(name, value) for name, value in state.items()}
    try:
        found = network.load_state_dict(state, strict=False)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(f"{file}: cannot start from these weights: {error}") from error
    # The heads of deep supervision may begin or end with this run.
    wrong = [k for k in (*found.missing_keys, *found.unexpected_keys) if "auxiliary" not in k]
    if wrong:
        raise ModelError(f"{file}: weights of another network: {', '.join(wrong[:3])} do not match")
    line = f"all weights of {file.parent.name}, sha256 {sha256(file)}"
    return Start(network, line, has_maps=not _of_classifier(state))


def _of_classifier(state: Mapping[str, Tensor]) -> bool:
    """Whether weights with names are those of a classifier: they make a class and no map."""
    names = state.keys()
    return any(n.startswith("classifier.") for n in names) and not any(
        n.startswith("maps.") for n in names
    )


def _without_infection(name: str, value: Tensor) -> Tensor:
    """Weights of a map head without its first channel, where it has three: an independent one."""
    is_head = name.startswith(("maps.", "auxiliary."))
    return value[1:] if is_head and value.ndim and value.shape[0] == 3 else value


def starting_loss(config: TrainingConfig) -> Callable[[Output, Targets], Tensor]:
    """The configuration's loss.

    Raises:
        UsageError: its name is unknown.
    """
    spec = config.loss
    return create_loss(
        spec.name,
        focal_weight=spec.focal_weight,
        class_weight=spec.class_weight,
        map_weights=spec.map_weights,
        somewhere_weight=spec.somewhere_weight,
        presence_weight=spec.presence_weight,
    )


def place_network(network: Network, device: torch.device) -> Network:
    """Move a network to the device, its kernels channels last, for training."""
    network.to(device)
    with_fast_gradients(network)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def parameter_groups(network: Network, decay: float) -> list[dict[str, object]]:
    """Weight decay on matrices and kernels only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
