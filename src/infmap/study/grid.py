"""The runs of a study, in an order that does not change, and what each trains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from infmap.study.config import StudyConfig, cell_name
from infmap.training.config import Stage, TrainingConfig, split_part


@dataclass(frozen=True)
class Run:
    """One cell of the grid, on one split, with one seed.

    Attributes:
        decoder: by name; "none" is a plain classifier.
        encoder: by name.
        frozen: the encoder stays as it starts.
        fold: name of the split: "official", "fold0", "without-cohen".
        seed: of training.

    Raises:
        ValueError: a name that cannot be part of a folder's name.
    """

    decoder: str
    encoder: str
    frozen: bool
    fold: str
    seed: int

    def __post_init__(self) -> None:
        for name in (self.decoder, self.encoder, self.fold):
            if not re.fullmatch(r"[A-Za-z0-9_+.-]+", name):
                raise ValueError(f"expected letters, digits and _+.-, got {name!r}")

    @property
    def id(self) -> str:
        """Unique and readable, the name of the run's folder."""
        return f"{self.cell}-{self.fold}-seed{self.seed}"

    @property
    def cell(self) -> str:
        """The network alone, whatever it was trained on."""
        return cell_name(self.decoder, self.encoder, self.frozen)

    @property
    def classifier(self) -> bool:
        """Whether it has no maps of its own."""
        return self.decoder == "none"


def enumerate_runs(config: StudyConfig, folds: tuple[str, ...]) -> list[Run]:
    """All runs: by fold, seed, encoder, frozen, decoder, so that early runs cover the grid.

    Repeats with further seeds come last: they stand beside the grid, not in it.
    """
    grid = config.grid
    own = [Run(*cell, fold, seed) for fold in folds for seed in grid.seeds for cell in grid.cells]
    repeats = [
        Run(*cell, fold, seed)
        for fold in folds
        for cell in grid.cells
        for seed in grid.repeats.get(cell_name(*cell), ())
    ]
    return own + repeats


def same_runs(kept: StudyConfig, wanted: StudyConfig, folds: tuple[str, ...]) -> bool:
    """Whether a study still has every run that it had, each trained as before; it may have more.

    Args:
        kept: the study as it is.
        wanted: as it is to be.
        folds: names of its splits.
    """
    runs = enumerate_runs(kept, folds)
    # The folder of the split is not compared: it is the study's own, of both.
    return set(runs) <= set(enumerate_runs(wanted, folds)) and all(
        training_config(kept, run, Path()) == training_config(wanted, run, Path()) for run in runs
    )


def training_config(config: StudyConfig, run: Run, snapshot: Path) -> TrainingConfig:
    """What a run trains: the shared part of the study with the run's cell put in.

    Args:
        config: the study.
        run: one of its runs.
        snapshot: the study's snapshot of the run's split, see ``infmap.study.splits``.
    """
    shared = config.training
    left_out = run.fold.removeprefix("without-") if run.fold.startswith("without-") else None
    network = shared.network.model_copy(
        update={
            "decoder": run.decoder,
            "encoder": run.encoder,
            "frozen": run.frozen,
            "weights": config.weights.get(run.encoder, "imagenet"),
            "deep_supervision": shared.network.deep_supervision and run.decoder == "unet++",
        }
    )
    loss = shared.loss
    if run.classifier:
        loss = loss.model_copy(
            update={"map_weights": (0.0, 0.0, 0.0), "class_weight": loss.class_weight or 1.0}
        )
    changed = shared.model_copy(
        update={
            "name": f"{config.name}-{run.id}",
            "snapshot": snapshot,
            "seed": run.seed,
            "network": network,
            "loss": loss,
            "stages": tuple(_without(stage, left_out) for stage in shared.stages),
            "int8_loss": None,
        }
    )
    return TrainingConfig.model_validate(changed.model_dump())


def _without(stage: Stage, source: str | None) -> Stage:
    kept = {name: times for name, times in stage.sources.items() if split_part(name)[0] != source}
    return stage.model_copy(update={"sources": kept})
