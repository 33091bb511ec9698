"""What a run tells while it works: the lines of ``log.jsonl``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict


class Record(TypedDict, total=False):
    """One line; it has the fields of what has just happened, in the groups below.

    They are one type and not a union: whoever shows a line asks it for the fields that it shows.
    """

    # The films of the run are chosen; with ``network`` and ``left``, one of ``refit`` has read
    # some of them.
    films: int
    validation_films: int
    left_out: int
    network: str
    left: int
    # What the films leave open.
    note: str
    # Some steps are done: the mean loss over them, and films a second.
    step: int
    steps: int
    epoch: int
    loss: float
    films_per_s: float
    learning_rate: float
    size: int | tuple[int, ...]
    # The validation set was scored, see ``infmap.training.validation.Score``; None where no film
    # speaks of a figure.
    threshold: float | None
    pooled_f1: float | None
    dice_positive: float | None
    dice_all: float | None
    dice_lungs: float | None
    auroc: float | None
    sensitivity_99: float | None
    empty_called: float | None
    # The int8 copy of the network was measured: what each figure loses, and may lose.
    int8_losses: dict[str, float]
    allowed: float
    # The model folder is finished.
    finished: str


Log = Callable[[Record], None]
"""Called with one record at a time."""
