"""The processes that train together, as the loop sees them.

The loop talks to a ``Group`` and does not know how many it is. One process is ``Alone`` and never
touches torch.distributed. Of several, each holds the whole network and works on its share of a
step's micro-batches; rank 0 alone validates, logs and writes the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from infmap.core.errors import UsageError
from infmap.training.config import TrainingConfig

Item = TypeVar("Item")


class Group(Protocol):
    """The processes that train together."""

    @property
    def rank(self) -> int:
        """This one's number; 0 leads."""

    @property
    def size(self) -> int:
        """How many they are."""

    @property
    def device(self) -> torch.device:
        """Where this one computes."""

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the group, in place.

        Args:
            tensors: floating point, of the same shapes in the same order on every rank.
        """

    def share(self, value: Item) -> Item:
        """Rank 0's value, on every rank; those that come early wait."""


@dataclass(frozen=True)
class Alone:
    """A group of one process."""

    device: torch.device
    rank: int = 0
    size: int = 1

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Nothing to do: one value is its own mean."""

    def share(self, value: Item) -> Item:
        """The value itself."""
        return value


@dataclass(frozen=True)
class Together:
    """A rank of an initialised torch.distributed group."""

    device: torch.device
    rank: int
    size: int

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Sum all tensors in one message and divide."""
        flat = torch.cat([t.detach().reshape(-1).float() for t in tensors])  # (all elements,)
        torch.distributed.all_reduce(flat)
        flat.div_(self.size)
        parts = flat.split([t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def share(self, value: Item) -> Item:
        """Broadcast rank 0's value."""
        box: list[Any] = [value if self.rank == 0 else None]
        torch.distributed.broadcast_object_list(box, src=0)
        shared: Item = box[0]
        return shared


def alone(config: TrainingConfig) -> Alone:
    """The group of one process, on the configuration's device.

    Raises:
        UsageError: the device does not exist.
    """
    return Alone(torch.device("cuda" if uses_cuda(config) else "cpu"))


def uses_cuda(config: TrainingConfig) -> bool:
    """Whether a run computes on CUDA devices.

    Raises:
        UsageError: the configuration asks for one and torch sees none.
    """
    found = torch.cuda.is_available()
    if config.device == "cuda" and not found:
        raise UsageError("device 'cuda' was asked for, but torch sees no CUDA device: use 'auto'")
    return found and config.device != "cpu"
