"""When training stops, and the weights that are kept."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor

from infmap.models import Network


class Kept(TypedDict):
    """What a checkpoint keeps of early stopping."""

    score: float
    looks: int
    best: dict[str, Tensor] | None


class EarlyStopping:
    """The averaged weights that were best on the validation set, and how many validations ago.

    Attributes:
        best: their state dict; None before the first look, or without patience.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        # Below any F1, so that the first validation is the best so far.
        self._score = -1.0
        self._looks = 0
        self.best: dict[str, Tensor] | None = None

    @property
    def over(self) -> bool:
        """Whether patience has run out."""
        return self._patience is not None and self._looks >= self._patience

    def look(self, score: float, average: Network) -> None:
        """Compare the weights' score with the best so far."""
        if self._patience is None:
            return
        self._looks += 1
        if score > self._score:
            self._score, self._looks = score, 0
            self.best = {k: v.detach().clone() for k, v in average.state_dict().items()}

    def state(self) -> Kept:
        """What a checkpoint keeps."""
        return {"score": self._score, "looks": self._looks, "best": self.best}

    def restore(self, state: Kept) -> None:
        """Go on from what a checkpoint kept."""
        self._score, self._looks, self.best = state["score"], state["looks"], state["best"]
