"""The training loop, top to bottom.

Every micro-batch's randomness is a function of (seed, step, micro-batch), so a run that is killed
and resumed from its last checkpoint ends as it would have without the interruption, and any number
of processes sees the same films with the same changes.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infmap.core.errors import UsageError
from infmap.core.types import Truth
from infmap.models import Network, Targets
from infmap.training.augmentation import augment
from infmap.training.batch_norm import BatchNormStats
from infmap.training.checkpoint import CHECKPOINT, read_checkpoint, restore, write_checkpoint
from infmap.training.config import TrainingConfig
from infmap.training.dataset import OPACITY, UNKNOWN, Films
from infmap.training.early_stopping import EarlyStopping
from infmap.training.group import Group, alone
from infmap.training.log import Log
from infmap.training.predict import validate
from infmap.training.schedule import Schedule
from infmap.training.start import parameter_groups, place_network, starting_loss, starting_network
from infmap.training.teacher import Teachers, taught_loss


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
        films: training films.
        val: validation films, never trained on.
        folder: where the checkpoint is kept.
        log: called, on rank 0, with one JSON-able record at a time.
        group: the processes that train together; None: this one alone.

    Returns:
        The network with averaged weights, in evaluation mode: the last, or the best on the
        validation set where the configuration has ``patience``.

    Raises:
        ModelError: the checkpoint belongs to another configuration.
        UsageError: no training film is left, or the device does not exist.
    """
    group = alone(config) if group is None else group
    device, leads = group.device, group.rank == 0
    bfloat16 = config.precision == "bfloat16"
    if config.patience is not None and not len(val):
        raise UsageError("patience needs validation films, and the snapshot has none")
    torch.manual_seed(config.seed)
    network = starting_network(config).network
    network = place_network(network, device)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        parameter_groups(network, config.weight_decay), lr=config.stages[0].learning_rate
    )
    criterion = starting_loss(config)
    teach = config.distillation
    teachers = Teachers(teach.teachers, device, bfloat16=bfloat16) if teach else None
    schedule, stopping = Schedule(config, films), EarlyStopping(config.patience)
    state = group.share(read_checkpoint(folder / CHECKPOINT, config) if leads else None)
    step = restore(state, network, average, optimizer, stopping)
    over = stopping.over
    saved = time.monotonic()
    running, counted, seen, since = 0.0, 0, 0, time.monotonic()
    network.train()
    statistics = BatchNormStats(network)

    while step < schedule.steps and not over:
        for parameters in optimizer.param_groups:
            parameters["lr"] = schedule.learning_rate(step)
        optimizer.zero_grad(set_to_none=True)
        statistics.begin()
        total = torch.zeros((), device=device)  # loss, summed over this rank's micro-batches
        for part in range(group.rank, config.micro_batches, group.size):
            stage, side, batch, generator = schedule.batch(step, part)
            # Neighbouring seeds are farther apart than a run has micro-batches: none is used twice.
            torch.manual_seed(config.seed * 1_000_003 + schedule.number(step, part))  # dropout
            images, masks = _planes(films, batch)  # (N, 1, S, S), (N, 3, S, S)
            images, masks, moved = augment(
                images, masks, _without_opacity(films, batch), side, generator,
                stage.augmentation, style=stage.style, transfer=stage.transfer,
            )  # fmt: skip
            targets = _targets(films, batch, masks, moved, device)
            images = images.to(device, memory_format=torch.channels_last)
            statistics.rewind()
            with torch.autocast(device.type, torch.bfloat16, bfloat16):
                output = network(images)
            loss = criterion(output, targets)
            if teach and teachers:
                apart = taught_loss(output, teachers(images), targets, config.loss.map_weights)
                loss = loss + teach.weight * apart
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
        seen += schedule.films_a_step

        if leads and (step % 50 == 0 or schedule.epoch_ends(step)):
            rate = seen / (time.monotonic() - since)
            learning_rate = schedule.learning_rate(step - 1)
            log({"step": step, "steps": schedule.steps, "epoch": schedule.epoch(step),
                 "loss": running / max(1, counted), "films_per_s": rate,
                 "learning_rate": learning_rate, "size": stage.size})  # fmt: skip
            running, counted, seen, since = 0.0, 0, 0, time.monotonic()
        due = schedule.epoch_ends(step) and schedule.epoch(step) % config.validate_every == 0
        if (due or step == schedule.steps) and len(val):
            if leads:
                score = validate(average, val, config)
                log({"step": step, "epoch": schedule.epoch(step), **score.to_dict()})
                stopping.look(score.pooled_f1, average)
            over = group.share(stopping.over)
            since = time.monotonic()
        late = time.monotonic() - saved > 60 * config.checkpoint_minutes
        if leads and (late or over or step == schedule.steps):
            write_checkpoint(
                folder / CHECKPOINT, config, step, network, average, optimizer, stopping
            )
            saved = time.monotonic()

    group.share(step)  # until rank 0 has written the last checkpoint
    if stopping.best is not None:
        average.load_state_dict(stopping.best)
    return average


def _planes(films: Films, batch: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(films.images[batch]).unsqueeze(1).float() / 255.0
    bits = torch.from_numpy(films.masks[batch])
    masks = torch.stack([(bits >> bit) & 1 for bit in range(3)], dim=1).float()
    return images, masks


def _without_opacity(films: Films, batch: NDArray[np.int64]) -> Tensor:
    """Films known to have no opacity, bool (N,)."""
    drawn = (films.masks[batch] & OPACITY).any(axis=(1, 2))
    return torch.from_numpy(films.dense[batch, 1] & ~drawn)


def _targets(
    films: Films,
    batch: NDArray[np.int64],
    masks: Tensor,
    moved: Tensor,
    device: torch.device,
) -> Targets:
    truth = torch.from_numpy(films.truth[batch])
    classes = torch.from_numpy(films.classes[batch])
    truth[moved, 0], classes[moved] = int(Truth.UNKNOWN), UNKNOWN
    masks = masks.to(device)
    return Targets(
        masks[:, 0:1], masks[:, 1:2], masks[:, 2:3], truth.to(device), classes.to(device)
    )


@torch.no_grad()
def _update_average(average: Network, network: Network, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the network's."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)
