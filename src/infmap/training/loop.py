"""The training loop, top to bottom.

Every micro-batch's randomness is a function of (seed, step, micro-batch), so a run that is killed
and resumed from its last checkpoint ends as it would have without the interruption, and any number
of processes sees the same films with the same changes.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infmap.core.errors import ModelError, UsageError
from infmap.inference.manifest import sha256
from infmap.inference.postprocess import class_log_odds
from infmap.models import Network, Output, Targets, create_loss, create_model, load_weights
from infmap.models.folder import read_weights
from infmap.training.augmentation import augment
from infmap.training.checks import check_stage
from infmap.training.config import Stage, TrainingConfig
from infmap.training.dataset import Films
from infmap.training.distributed import Group, alone
from infmap.training.validation import Score, score_films

CHECKPOINT = "checkpoint.pt"
Log = Callable[[dict[str, Any]], None]


def train(
    config: TrainingConfig,
    films: Films,
    val: Films,
    folder: Path,
    log: Log,
    group: Group | None = None,
) -> Network:
    """Train a network, or go on with the run whose checkpoint lies in the folder.

    Args:
        config: the whole run.
        films: films to learn from.
        val: films to watch the run by; never learnt from.
        folder: where the checkpoint is kept.
        log: called, on rank 0, with one JSON-able record at a time.
        group: the processes that train together; None: this one alone.

    Returns:
        The network with averaged weights, in evaluation mode: the last, or the best on Val where
        the configuration has ``patience``.

    Raises:
        ModelError: the checkpoint belongs to another configuration.
        UsageError: no film is left to learn from, or the device does not exist.
    """
    group = alone(config) if group is None else group
    device, leads = group.device, group.rank == 0
    if config.patience is not None and not len(val):
        raise UsageError("patience needs films to watch the run by, and the snapshot has no Val")
    torch.manual_seed(config.seed)
    network, _ = starting_network(config)
    network = _lay_out(network, device)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        _groups(network, config.weight_decay), lr=config.stages[0].learning_rate
    )
    criterion = starting_loss(config)
    plan, watch = Plan(config, films), Watch(config.patience)
    state = group.share(_read(folder / CHECKPOINT, config) if leads else None)
    step = _restore(state, network, average, optimizer, watch)
    over = watch.over
    saved = time.monotonic()
    running, counted, seen, since = 0.0, 0, 0, time.monotonic()
    network.train()
    statistics = Statistics(network)

    while step < plan.steps and not over:
        for parameters in optimizer.param_groups:
            parameters["lr"] = plan.learning_rate(step)
        optimizer.zero_grad(set_to_none=True)
        statistics.begin()
        total = torch.zeros((), device=device)  # loss, summed over this rank's micro-batches
        for part in range(group.rank, config.micro_batches, group.size):
            stage, batch, generator = plan.batch(step, part)
            torch.manual_seed(config.seed * 1_000_003 + plan.number(step, part))  # dropout
            images, masks = _planes(films, batch)  # (N, 1, S, S), (N, 3, S, S)
            images, masks = augment(images, masks, stage.size, generator, stage.augmentation)
            targets = _targets(films, batch, masks, device)
            images = images.to(device, memory_format=torch.channels_last)
            statistics.rewind()
            with torch.autocast(device.type, torch.bfloat16, config.precision == "bfloat16"):
                output = network(images)
            loss = criterion(output, targets)
            loss.backward()
            total += loss.detach()
            statistics.add()

        # Every rank has worked on as many micro-batches, so the mean of means is the mean of all.
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        everything = [total, *gradients, *statistics.sums]
        for tensor in everything:
            tensor /= config.micro_batches // group.size
        group.mean_(everything)
        norm = nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        # Not finite on one rank is not finite in the mean, so all ranks skip the same steps.
        if torch.isfinite(total) and torch.isfinite(norm):
            optimizer.step()
            statistics.keep()
            running, counted = running + float(total), counted + 1
        else:
            statistics.rewind()
        step += 1
        _update_average(average, network, min(config.ema, (1 + step) / (10 + step)))
        seen += plan.films_a_step

        if leads and (step % 50 == 0 or plan.epoch_ends(step)):
            rate = seen / (time.monotonic() - since)
            log({"step": step, "steps": plan.steps, "epoch": plan.epoch(step),
                 "loss": running / max(1, counted), "films_per_s": rate,
                 "learning_rate": plan.learning_rate(step - 1), "size": stage.size})  # fmt: skip
            running, counted, seen, since = 0.0, 0, 0, time.monotonic()
        due = plan.epoch_ends(step) and plan.epoch(step) % config.validate_every == 0
        if (due or step == plan.steps) and len(val):
            if leads:
                score = validate(average, val, config)
                log({"step": step, "epoch": plan.epoch(step), **score.to_dict()})
                watch.look(score.pooled_f1, average)
            over = group.share(watch.over)
            since = time.monotonic()
        late = time.monotonic() - saved > 60 * config.checkpoint_minutes
        if leads and (late or over or step == plan.steps):
            _save(folder / CHECKPOINT, config, step, network, average, optimizer, watch)
            saved = time.monotonic()

    group.share(step)  # until rank 0 has written the last checkpoint
    if watch.best is not None:
        average.load_state_dict(watch.best)
    return average


class Statistics:
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


class Watch:
    """The averaged weights that were best on Val, and how many looks ago.

    Attributes:
        best: their state dict; None before the first look, or without patience.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
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

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"score": self._score, "looks": self._looks, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self._score, self._looks, self.best = state["score"], state["looks"], state["best"]


def validate(network: Network, films: Films, config: TrainingConfig) -> Score:
    """Score a network on films it did not learn from, at the stored size."""
    maps, logits = predict_films(network, films, config)
    return score_films(maps, class_log_odds(logits), films)


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
        x = torch.from_numpy(films.images[part].astype(np.float32)).unsqueeze(1) / 255.0
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
        self.films_a_step = config.batch_size * config.micro_batches
        self._sources = np.array([row["source"] for row in films.rows])
        self._spans: list[tuple[int, int, Stage, int]] = []  # start, films an epoch, stage, epoch
        step = epoch = 0
        for stage in config.stages:
            count = check_stage(config, stage, self._sources.tolist())
            for _ in range(stage.epochs):
                self._spans.append((step, count, stage, epoch))
                step += count // self.films_a_step
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
        total = sum(count // self.films_a_step for _, count, *_ in spans)
        part = (step - start + 0.5) / total
        scale = part / 0.1 if part < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (part - 0.1) / 0.9)
        return stage.learning_rate * max(scale, 0.01)

    def number(self, step: int, part: int) -> int:
        """Number of a step's micro-batch among all of the run."""
        return step * self._config.micro_batches + part

    def batch(
        self, step: int, part: int = 0
    ) -> tuple[Stage, np.ndarray[Any, np.dtype[np.int64]], torch.Generator]:
        """Stage, film indices and random generator of one micro-batch of a step."""
        start, count, stage, epoch = self._span(step)
        if self._order[0] != epoch:
            self._order = (epoch, self._draw(count, stage, epoch))
        size = self._config.batch_size
        first = (step - start) * self.films_a_step + part * size
        seed = self._config.seed * 7_368_787 + self.number(step, part)
        generator = torch.Generator().manual_seed(seed)
        return stage, self._order[1][first : first + size], generator

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


def starting_network(config: TrainingConfig) -> tuple[Network, str]:
    """A network with the weights that the configuration starts from, and a line on their origin.

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
        deep_supervision=spec.deep_supervision,
    )
    if not Path(spec.weights).is_dir():  # of the encoder alone
        return network, load_weights(network.encoder, spec.encoder, spec.weights)
    file, state = read_weights(Path(spec.weights))
    try:
        found = network.load_state_dict(state, strict=False)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(f"{file}: cannot start from these weights: {error}") from error
    # The heads of deep supervision may begin or end with this run.
    wrong = [k for k in (*found.missing_keys, *found.unexpected_keys) if "auxiliary" not in k]
    if wrong:
        raise ModelError(f"{file}: weights of another network: {', '.join(wrong[:3])} do not match")
    return network, f"all weights of {file.parent.name}, sha256 {sha256(file)}"


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
    )


def _lay_out(network: Network, device: torch.device) -> Network:
    """Move a network to the device, its kernels channels last."""
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
    watch: Watch,
) -> None:
    """Write the checkpoint beside its name, then rename: a kill leaves the old one whole."""
    state = {
        "config": config.model_dump_json(),
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "watch": watch.state(),
    }
    temporary = file.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(file)


def _read(file: Path, config: TrainingConfig) -> dict[str, Any] | None:
    """The checkpoint of this configuration, or None where there is none."""
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    # Fields that came after the checkpoint was written count at their defaults.
    kept = TrainingConfig.model_validate_json(state["config"])
    if json.loads(kept.model_dump_json()) != json.loads(config.model_dump_json()):
        raise ModelError(f"{file}: belongs to another configuration: choose another output folder")
    return state


def _restore(
    state: dict[str, Any] | None,
    network: Network,
    average: Network,
    optimizer: torch.optim.Optimizer,
    watch: Watch,
) -> int:
    """Go on from a checkpoint: the step to do next."""
    if state is None:
        return 0
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    if "watch" in state:
        watch.restore(state["watch"])
    return int(state["step"])
