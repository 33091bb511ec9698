"""Running batch statistics that do not depend on the number of processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from infmap.models import Network


class BatchNormStats:
    """Running batch statistics of a network during one step.

    Every micro-batch starts from the same ones, and the step's are the mean of what each makes of
    them: so they do not depend on which process worked on which.

    Attributes:
        sums: float, in order, the statistics summed over micro-batches.
    """

    def __init__(self, network: Network) -> None:
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        live = [m for m in norms if m.training and m.track_running_stats]  # not a frozen encoder's
        self._now = [b for m in live for b in m.buffers(recurse=False)]
        self._means = [b for b in self._now if b.is_floating_point()]  # not the count of batches
        self._start: list[Tensor] = []
        self.sums: list[Tensor] = []

    def begin(self) -> None:
        """Note where the step starts."""
        self._start = [b.clone() for b in self._now]
        self.sums = [torch.zeros_like(b) for b in self._means]

    def rewind(self) -> None:
        """Go back to where the step started."""
        for now, start in zip(self._now, self._start, strict=True):
            now.copy_(start)

    def add(self) -> None:
        """Count what the last micro-batch made of them."""
        for total, now in zip(self.sums, self._means, strict=True):
            total += now

    def keep(self) -> None:
        """Take the sums, by now means, over."""
        for now, mean in zip(self._means, self.sums, strict=True):
            now.copy_(mean)
