"""The configuration of a study: which networks, on which films, within which limits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from infmap.catalog.yaml_file import Strict, read_yaml
from infmap.training.config import TrainingConfig


class Grid(Strict):
    """Lists whose product is the runs."""

    decoders: tuple[str, ...] = Field(("unet", "unet++", "dla"), description="decoders by name")
    encoders: tuple[str, ...] = Field(min_length=1, description="encoders by name")
    frozen: tuple[bool, ...] = Field(
        (False,), min_length=1, description="encoder kept as it starts (true), trained (false)"
    )
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="seeds of training")
    repeats: dict[str, tuple[int, ...]] = Field(
        {},
        description="a network by its name, such as 'dla-chexnet-trained', to further seeds that "
        "it alone is trained with",
    )
    classifiers: bool = Field(
        False,
        description="a plain classifier (decoder 'none') beside each encoder, so that activation "
        "maps can be compared",
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for name in ("decoders", "encoders", "frozen", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names one of {', '.join(map(str, values))} twice")
        if "none" in self.decoders:
            raise ValueError("decoder 'none' is a classifier: leave it out, set classifiers: true")
        if not self.decoders and not self.classifiers:
            raise ValueError("neither decoders nor classifiers: there is nothing to run")
        return self

    @model_validator(mode="after")
    def _repeats_what_it_has(self) -> Self:
        cells = [cell_name(*cell) for cell in self.cells]
        for cell, seeds in self.repeats.items():
            if cell not in cells:
                raise ValueError(f"repeats: {cell} is none of the grid's: {', '.join(cells)}")
            if not seeds or len({*self.seeds, *seeds}) != len(self.seeds) + len(seeds):
                raise ValueError(
                    f"repeats: {cell}: expected seeds beside {', '.join(map(str, self.seeds))}, "
                    f"each once, got {list(seeds)}"
                )
        return self

    @property
    def cells(self) -> tuple[tuple[str, str, bool], ...]:
        """Decoder, encoder and whether it is frozen of each network, in the order of the runs."""
        decoders = (*self.decoders, *(("none",) if self.classifiers else ()))
        return tuple(
            (decoder, encoder, frozen)
            for encoder in self.encoders
            for frozen in self.frozen
            for decoder in decoders
        )


def cell_name(decoder: str, encoder: str, frozen: bool) -> str:
    """A network's name, whatever it was trained on; decoder "none" is a classifier."""
    kind = "classifier" if decoder == "none" else decoder
    return f"{kind}-{encoder}-{'frozen' if frozen else 'trained'}"


class SplitConfig(Strict):
    """Which films are for training, for validation, and held out."""

    scheme: Literal["official", "folds", "sources"] = Field(
        "official",
        description="'official': the sources' own splits; 'folds': k-fold over patients and "
        "near-duplicates, by the snapshot's folds; 'sources': leave one source out",
    )
    folds: tuple[int, ...] | None = Field(
        None, min_length=1, description="folds to run, for 'folds'; null: all of the snapshot"
    )
    watch: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="share of the training patients that are for validation instead: "
        "thresholds and calibration are chosen on them",
    )
    seed: int = Field(0, description="seed of the choice of the validation patients")

    @model_validator(mode="after")
    def _has_no_idle_folds(self) -> Self:
        if self.folds is not None and self.scheme != "folds":
            raise ValueError(f"folds are for the scheme 'folds', not for {self.scheme!r}")
        return self


class Limits(Strict):
    """What one run may take; it is recorded as failed beyond."""

    minutes: float | None = Field(None, gt=0, description="wall-clock minutes an attempt")
    memory_gib: float | None = Field(
        None, gt=0, description="resident memory of the run's processes, GiB; Linux only"
    )


class StudyConfig(Strict):
    """Everything that decides a study."""

    name: str = Field("study", description="name of the study")
    grid: Grid = Field(description="lists whose product is the runs")
    split: SplitConfig = SplitConfig()
    weights: dict[str, str] = Field(
        {},
        description="encoder to its starting weights: 'imagenet', 'random', a file, or the model "
        "folder of a classifier; 'imagenet' where an encoder is not named",
    )
    training: TrainingConfig = Field(
        description="what all runs share: snapshot, size, stages, loss, batch size, ..."
    )
    activation_maps: tuple[str, ...] = Field(
        (), description="methods of infmap.explain, compared for every classifier"
    )
    activation_films: int = Field(
        2000,
        ge=1,
        description="films of each part that activation maps are scored on at most, chosen by hash",
    )
    scorecam_films: int = Field(
        120, ge=1, description="the same of 'scorecam', which costs a pass a channel"
    )
    scorecam_channels: int = Field(
        64, ge=1, description="channels of the largest variance, a film, that 'scorecam' weighs"
    )
    surface_tolerance: float = Field(
        2.0, ge=0, description="distance of outlines that counts as agreement, network pixels"
    )
    draws: int = Field(1000, ge=100, description="draws of the bootstrap behind each interval")
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        idle = sorted(set(self.weights) - set(self.grid.encoders))
        if idle:
            raise ValueError(f"weights name {', '.join(idle)}, which the grid does not")
        if self.activation_maps and not self.grid.classifiers:
            raise ValueError("activation_maps need grid.classifiers: true")
        if self.training.hold_out != type(self.training.hold_out)():
            raise ValueError("training.hold_out is decided by the split: leave it out")
        if self.training.distillation is not None:
            raise ValueError("training.distillation: its teachers know the films that are held out")
        if not any(self.training.loss.map_weights):
            raise ValueError("training.loss.map_weights are all 0: no map would be trained")
        if self.split.scheme == "sources" and len(self.sources) < 2:
            raise ValueError("the scheme 'sources' needs two sources in training.stages")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of films that the stages name, in alphabetical order."""
        named = {name for stage in self.training.stages for name in stage.source_names}
        return tuple(sorted(named - {"phantom"}))


def read_study(path: Path) -> StudyConfig:
    """Read a YAML configuration; its relative paths are relative to the file.

    Raises:
        UsageError: the file is missing, is not YAML, or a field is wrong.
    """
    config = read_yaml(path, StudyConfig)
    base = path.parent
    weights = {
        encoder: source if source in ("imagenet", "random") else str((base / source).resolve())
        for encoder, source in config.weights.items()
    }
    snapshot = (base / config.training.snapshot).resolve()
    training = config.training.model_copy(update={"snapshot": snapshot})
    return config.model_copy(update={"weights": weights, "training": training})


def check_names(config: StudyConfig) -> None:
    """Look up every decoder, encoder, loss and method, before anything runs.

    Raises:
        UsageError: a name is unknown, or a file of weights is missing.
    """
    from infmap.core.errors import UsageError
    from infmap.explain import METHODS
    from infmap.models import DECODERS, ENCODERS, MAP_LOSSES

    for what, names, known in (
        ("decoder", config.grid.decoders, set(DECODERS)),
        ("encoder", config.grid.encoders, set(ENCODERS)),
        ("loss", (config.training.loss.name,), set(MAP_LOSSES)),
        ("activation map", config.activation_maps, set(METHODS)),
    ):
        for name in names:
            if name not in known:
                raise UsageError(
                    f"unknown {what} {name!r}: expected one of {', '.join(sorted(known))}"
                )
    for encoder, source in config.weights.items():
        if source not in ("imagenet", "random") and not Path(source).exists():
            raise UsageError(f"weights of {encoder}: {source} does not exist")
