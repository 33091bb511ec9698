"""Which films, which size and which learning rate at each step of a run."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from infmap.training.checks import check_stage, class_name, matches
from infmap.training.config import Stage, TrainingConfig
from infmap.training.dataset import Films


class Schedule:
    """Which films, which size and which learning rate at each step of a run."""

    def __init__(self, config: TrainingConfig, films: Films) -> None:
        self._config = config
        self.films_a_step = config.batch_size * config.micro_batches
        classes = films.classes.tolist()
        self._labels = [
            (row["source"], class_name(found)) for row, found in zip(films.rows, classes)
        ]
        self._spans: list[tuple[int, int, Stage, int]] = []  # start, films an epoch, stage, epoch
        step = epoch = 0
        for stage in config.stages:
            count = check_stage(config, stage, self._labels)
            for _ in range(stage.epochs):
                self._spans.append((step, count, stage, epoch))
                step += count // self.films_a_step
                epoch += 1
        self.steps = step
        self._ends = {start for start, *_ in self._spans[1:]} | {step}
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def epoch_ends(self, step: int) -> bool:
        """Whether ``step`` steps are whole epochs."""
        return step in self._ends

    def epoch(self, step: int) -> int:
        """Number of epochs begun when ``step`` steps are done."""
        return sum(start < step for start, *_ in self._spans)

    def learning_rate(self, step: int) -> float:
        """One cycle a stage: linear warm-up over a tenth, then half a cosine to a hundredth."""
        stage = self._span(step)[2]
        spans = [s for s in self._spans if s[2] is stage]
        start = spans[0][0]
        total = sum(count // self.films_a_step for _, count, *_ in spans)
        part = (step - start + 0.5) / total
        scale = part / 0.1 if part < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (part - 0.1) / 0.9)
        return stage.learning_rate * max(scale, 0.01)

    def number(self, step: int, part: int) -> int:
        """Number of a step's micro-batch among all of the run."""
        return step * self._config.micro_batches + part

    def batch(
        self, step: int, part: int = 0
    ) -> tuple[Stage, int, NDArray[np.int64], torch.Generator]:
        """Stage, side of the input, film indices and random generator of a step's micro-batch."""
        start, count, stage, epoch = self._span(step)
        if self._order[0] != epoch:
            self._order = (epoch, self._draw(count, stage, epoch))
        size = self._config.batch_size
        first = (step - start) * self.films_a_step + part * size
        # As in the loop, and another factor: what is drawn here says nothing of dropout there.
        seed = self._config.seed * 7_368_787 + self.number(step, part)
        generator = torch.Generator().manual_seed(seed)
        side = stage.sizes[0]
        if len(stage.sizes) > 1:
            side = stage.sizes[int(torch.randint(len(stage.sizes), (), generator=generator))]
        return stage, side, self._order[1][first : first + size], generator

    def _span(self, step: int) -> tuple[int, int, Stage, int]:
        return next(span for span in reversed(self._spans) if span[0] <= step)

    def _draw(self, count: int, stage: Stage, epoch: int) -> NDArray[np.int64]:
        random = np.random.default_rng((self._config.seed, epoch))
        parts = []
        for name, repeats in stage.sources.items():
            members = np.flatnonzero([matches(name, label) for label in self._labels])
            wanted = round(repeats * len(members))
            whole, rest = divmod(wanted, max(1, len(members)))
            parts += [members] * whole + [random.permutation(members)[:rest]]
        return random.permutation(np.concatenate(parts))[:count].astype(np.int64)
