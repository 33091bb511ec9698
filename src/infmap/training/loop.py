"""The training loop, top to bottom.

Every step's randomness is a function of (seed, step), so a run that is killed and resumed from
its last checkpoint ends as it would have without the interruption.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infmap.core.errors import ModelError, UsageError
from infmap.models import Network, Targets, create_model, hybrid_loss, load_imagenet
from infmap.training.augmentation import augment
from infmap.training.config import Stage, TrainingConfig
from infmap.training.dataset import Films
from infmap.training.validation import Score, score_films

CHECKPOINT = "checkpoint.pt"
Log = Callable[[dict[str, Any]], None]


def train(config: TrainingConfig, films: Films, val: Films, folder: Path, log: Log) -> Network:
    """Train a network, or go on with the run whose checkpoint lies in the folder.

    Args:
        config: the whole run.
        films: films to learn from.
        val: films to watch the run by; never learnt from.
        folder: where the checkpoint is kept.
        log: called with one JSON-able record at a time.

    Returns:
        The network with averaged weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint belongs to another configuration.
        UsageError: no film is left to learn from, or the device does not exist.
    """
    device = _device(config)
    torch.manual_seed(config.seed)
    network, average = _start(config, device), _start(config, device)
    average.eval()
    average.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(
        _groups(network, config.weight_decay), lr=config.stages[0].learning_rate
    )
    plan = Plan(config, films)
    step = _restore(folder / CHECKPOINT, config, network, average, optimizer)
    saved = time.monotonic()
    running, seen, since = 0.0, 0, time.monotonic()
    network.train()

    while step < plan.steps:
        stage, batch, generator = plan.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate(step)
        torch.manual_seed(config.seed * 1_000_003 + step)  # dropout
        images, masks = _planes(films, batch)  # (N, 1, S, S), (N, 3, S, S)
        images, masks = augment(images, masks, stage.size, generator, stage.augmentation)
        targets = _targets(films, batch, masks, device)
        images = images.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, config.precision == "bfloat16"):
            output = network(images)
        loss = hybrid_loss(output, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        if torch.isfinite(loss):
            optimizer.step()
        step += 1
        _update_average(average, network, min(config.ema, (1 + step) / (10 + step)))
        running, seen = running + float(loss.detach()), seen + len(batch)

        if step % 50 == 0 or plan.epoch_ends(step):
            rate = seen / (time.monotonic() - since)
            log({"step": step, "steps": plan.steps, "epoch": plan.epoch(step),
                 "loss": running / max(1, seen // config.batch_size), "films_per_s": rate,
                 "learning_rate": plan.learning_rate(step - 1), "size": stage.size})  # fmt: skip
            running, seen, since = 0.0, 0, time.monotonic()
        due = plan.epoch_ends(step) and plan.epoch(step) % config.validate_every == 0
        if (due or step == plan.steps) and len(val):
            score = validate(average, val, config)
            log({"step": step, "epoch": plan.epoch(step), **score.to_dict()})
            since = time.monotonic()
        if time.monotonic() - saved > 60 * config.checkpoint_minutes or step == plan.steps:
            _save(folder / CHECKPOINT, config, step, network, average, optimizer)
            saved = time.monotonic()
    return average


def validate(network: Network, films: Films, config: TrainingConfig) -> Score:
    """Score a network on films it did not learn from, at the stored size."""
    return score_films(*predict_films(network, films, config), films)


@torch.inference_mode()
def predict_films(
    network: Network, films: Films, config: TrainingConfig
) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Maps uint8 (N, 3, S, S), 0..255 = probability, and class logits float32 (N, 3)."""
    device = next(network.parameters()).device
    maps = np.zeros((len(films), 3, *films.images.shape[1:]), np.uint8)
    classes = np.zeros((len(films), 3), np.float32)
    for start in range(0, len(films), 32):
        part = slice(start, start + 32)
        x = torch.from_numpy(films.images[part]).unsqueeze(1).float() / 255.0
        with torch.autocast(device.type, torch.bfloat16, config.precision == "bfloat16"):
            out = network(x.to(device, memory_format=torch.channels_last))
        logits = torch.cat([out.infection, out.opacity, out.lungs], dim=1).float()
        maps[part] = (torch.sigmoid(logits) * 255.0).round().byte().cpu().numpy()
        classes[part] = out.classes.float().cpu().numpy()
    return maps, classes


class Plan:
    """Which films, which size and which learning rate at each step of a run."""

    def __init__(self, config: TrainingConfig, films: Films) -> None:
        self._config = config
        self._sources = np.array([row["source"] for row in films.rows])
        self._spans: list[tuple[int, int, Stage, int]] = []  # start, films an epoch, stage, epoch
        step = epoch = 0
        for stage in config.stages:
            count = sum(
                round(repeats * float(np.sum(self._sources == source)))
                for source, repeats in stage.sources.items()
            )
            if count < config.batch_size:
                raise UsageError(
                    f"a stage has {count} films, fewer than a batch of {config.batch_size}: "
                    f"are its sources {', '.join(stage.sources)} in the snapshot?"
                )
            for _ in range(stage.epochs):
                self._spans.append((step, count, stage, epoch))
                step += count // config.batch_size
                epoch += 1
        self.steps = step
        self._ends = {start for start, *_ in self._spans[1:]} | {step}
        self._order: tuple[int, np.ndarray[Any, np.dtype[np.int64]]] = (-1, np.empty(0, np.int64))

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
        total = sum(count // self._config.batch_size for _, count, *_ in spans)
        part = (step - start + 0.5) / total
        scale = part / 0.1 if part < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (part - 0.1) / 0.9)
        return stage.learning_rate * max(scale, 0.01)

    def batch(
        self, step: int
    ) -> tuple[Stage, np.ndarray[Any, np.dtype[np.int64]], torch.Generator]:
        """Stage, film indices and random generator of one step."""
        start, count, stage, epoch = self._span(step)
        if self._order[0] != epoch:
            self._order = (epoch, self._draw(count, stage, epoch))
        first = (step - start) * self._config.batch_size
        generator = torch.Generator().manual_seed(self._config.seed * 7_368_787 + step)
        return stage, self._order[1][first : first + self._config.batch_size], generator

    def _span(self, step: int) -> tuple[int, int, Stage, int]:
        return next(span for span in reversed(self._spans) if span[0] <= step)

    def _draw(self, count: int, stage: Stage, epoch: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        random = np.random.default_rng((self._config.seed, epoch))
        parts = []
        for source, repeats in stage.sources.items():
            members = np.flatnonzero(self._sources == source)
            wanted = round(repeats * len(members))
            whole, rest = divmod(wanted, max(1, len(members)))
            parts += [members] * whole + [random.permutation(members)[:rest]]
        return random.permutation(np.concatenate(parts))[:count].astype(np.int64)


def _device(config: TrainingConfig) -> torch.device:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' was asked for, but torch sees no CUDA device: use 'auto'")
    cuda = config.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if cuda else "cpu")


def _start(config: TrainingConfig, device: torch.device) -> Network:
    """A network with the weights that the configuration starts from, laid out channels last."""
    spec = config.network
    network = create_model(spec.decoder, spec.encoder, frozen=spec.frozen, channels=spec.channels)
    if spec.weights == "imagenet":
        load_imagenet(network.encoder, spec.encoder)
    elif spec.weights != "random":
        file = Path(spec.weights) / "weights.pt"
        try:
            network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{file}: cannot start from these weights: {error}") from error
    network.to(device)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _groups(network: Network, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _planes(films: Films, batch: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(films.images[batch]).unsqueeze(1).float() / 255.0
    bits = torch.from_numpy(films.masks[batch])
    masks = torch.stack([(bits >> bit) & 1 for bit in range(3)], dim=1).float()
    return images, masks


def _targets(
    films: Films, batch: np.ndarray[Any, np.dtype[np.int64]], masks: Tensor, device: torch.device
) -> Targets:
    masks = masks.to(device)
    return Targets(
        masks[:, 0:1],
        masks[:, 1:2],
        masks[:, 2:3],
        torch.from_numpy(films.known[batch]).to(device),
        torch.from_numpy(films.classes[batch]).to(device),
    )


@torch.no_grad()
def _update_average(average: Network, network: Network, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the network's."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)


def _save(
    file: Path,
    config: TrainingConfig,
    step: int,
    network: Network,
    average: Network,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the checkpoint beside its name, then rename: a kill leaves the old one whole."""
    state = {
        "config": config.model_dump_json(),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    temporary = file.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(file)


def _restore(
    file: Path,
    config: TrainingConfig,
    network: Network,
    average: Network,
    optimizer: torch.optim.Optimizer,
) -> int:
    if not file.exists():
        return 0
    state = torch.load(file, map_location="cpu", weights_only=True)
    if json.loads(state["config"]) != json.loads(config.model_dump_json()):
        raise ModelError(f"{file}: belongs to another configuration: choose another output folder")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
