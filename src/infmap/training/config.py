"""The configuration of a training run: typed, checked early, saved with the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, NonNegativeFloat, model_validator

from infmap.catalog.renamed import SourceName, current_film_id
from infmap.catalog.yaml_file import Strict, read_yaml

Infection = Literal["independent", "conditional"]
"""See ``infmap.models.network.Network``; that module needs torch."""
Side = Annotated[int, Field(ge=64, multiple_of=32)]
"""Side of a network's input, pixels."""
StageFilms = Annotated[str, AfterValidator(current_film_id)]
"""A source, or a source and one of ``PARTS``, under its former name or today's."""


class NetworkConfig(Strict):
    """Which network, and where its weights start."""

    decoder: str = Field("unet", description="decoder by name")
    encoder: str = Field("efficientnet_lite0", description="encoder by name")
    channels: tuple[int, ...] = Field((96, 64, 32, 16, 8), description="decoder widths, deep first")
    infection: Infection = Field(
        "independent",
        description="'independent': the infection map has a head of its own; 'conditional': it is "
        "opacity times P(COVID-19 | opacity), read from opaque lung",
    )
    frozen: bool = Field(False, description="keep the encoder as it starts")
    deep_supervision: bool = Field(
        False, description="learn from the decoder's intermediate maps too; decoder 'unet++'"
    )
    weights: str = Field(
        "imagenet",
        description="'imagenet', 'random', a file of encoder weights, or a model folder: to go on "
        "from, or, where it is a classifier and this network is not, for its encoder alone",
    )

    @model_validator(mode="after")
    def _has_what_it_supervises(self) -> Self:
        if self.deep_supervision and self.decoder != "unet++":
            raise ValueError(f"deep_supervision needs decoder 'unet++', got {self.decoder!r}")
        return self


class LossConfig(Strict):
    """What a network learns from: a loss on each map, and cross-entropy on the class."""

    name: str = Field("focal_dice", description="loss on a map, by name")
    focal_weight: float | None = Field(
        None, ge=0, description="weight of its focal term; null: the loss's own"
    )
    class_weight: float = Field(0.3, ge=0, description="weight of the class")
    map_weights: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat] = Field(
        (1.0, 0.5, 0.5), description="weights of infection, opacity and lungs"
    )
    somewhere_weight: float = Field(
        0.3,
        ge=0,
        description="weight, relative to its map's, of films where there is some in the lungs and "
        "where is unknown; 0: they teach nothing",
    )

    presence_weight: float = Field(
        0.0,
        ge=0,
        description="weight, relative to its map's, of whether there is any on films whose mask is "
        "known, empty or not: what detection is read from",
    )

    @model_validator(mode="after")
    def _teaches_something(self) -> Self:
        if not self.class_weight and not any(self.map_weights):
            raise ValueError("class_weight and map_weights are all 0: nothing would be trained")
        return self


class Distillation(Strict):
    """Trained networks that a run learns from, beside the truth."""

    teachers: tuple[Path, ...] = Field(
        min_length=1,
        description="model folders; learned from is their mean, each over a film and its mirror "
        "image; none may have been trained on a film that is held out",
    )
    weight: float = Field(
        4.0, gt=0, description="weight, times a map's, of the divergence from the teachers"
    )


PARTS = ("covid19", "pneumonia", "normal", "unknown")
"""Classes of films that a stage can name; "unknown" is every film of none of the others."""


class Stage(Strict):
    """One part of the schedule: its own input size, films and learning rate."""

    epochs: int = Field(ge=1, description="passes over this stage's films")
    size: Side | Annotated[tuple[Side, ...], Field(min_length=1)] = Field(
        256,
        description="side of the input, pixels, a multiple of 32; of several, each micro-batch has "
        "one that is drawn at random",
    )
    learning_rate: float = Field(2e-3, gt=0, description="peak of the one-cycle schedule")
    augmentation: float = Field(1.0, ge=0, le=1, description="strength of the random changes")
    style: float = Field(0.0, ge=0, le=1, description="how often films get another's style")
    transfer: float = Field(
        0.0, ge=0, le=1, description="share of films without opacity that get another's opacities"
    )
    sources: dict[StageFilms, float] = Field(
        description="source, or source/covid19, source/pneumonia, source/normal, source/unknown, "
        "to how often each of its films is seen an epoch"
    )

    @model_validator(mode="after")
    def _names_no_film_twice(self) -> Self:
        for name in self.sources:
            source, _, part = name.rpartition("/")
            if part in PARTS and source in self.sources:
                raise ValueError(f"sources: {name} is part of {source}, which is there too")
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides that the stage's input may have, pixels."""
        return (self.size,) if isinstance(self.size, int) else self.size

    @property
    def source_names(self) -> frozenset[str]:
        """Sources that the stage takes films from, whatever their class."""
        return frozenset(split_part(name)[0] for name in self.sources)


def split_part(name: str) -> tuple[str, str | None]:
    """Source and class of a key of ``Stage.sources``; None for films of every class."""
    source, _, part = name.rpartition("/")
    return (source, part) if part in PARTS else (name, None)


class HoldOut(Strict):
    """Films kept out of a run, so that it can be scored on them.

    With them goes every film that shares a patient or a near-duplicate with one of them.
    """

    sources: tuple[SourceName, ...] = Field((), description="whole sources left out")
    fold: int | None = Field(None, description="fold left out of every source without own splits")
    films: Path | None = Field(
        None, description="text file that names films left out, a film_id a line"
    )
    near_duplicates_of: tuple[SourceName, ...] = Field(
        (),
        description="leave out films of other sources that share a near-duplicate or a patient "
        "with a film of these",
    )


class TrainingConfig(Strict):
    """Everything that decides a training run."""

    name: str = Field("infmap", description="name of the model")
    version: str = Field("0", description="version of the model")
    snapshot: Path = Field(description="folder written by 'infmap catalog snapshot'")
    seed: int = Field(0, description="seed of weights, order and augmentation")
    size: int = Field(
        256, ge=64, multiple_of=32, description="side the films are stored at, pixels"
    )
    second_reading: int | None = Field(
        None,
        ge=64,
        multiple_of=32,
        description="side at which the model folder reads the mirror image as well, pixels: its "
        "maps are the mean of both readings; null: it reads a film once",
    )
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    distillation: Distillation | None = Field(
        None, description="networks to learn from; null: the truth alone"
    )
    stages: tuple[Stage, ...] = Field(min_length=1)
    hold_out: HoldOut = HoldOut()
    phantoms: int = Field(
        0, ge=0, description="films rendered by the phantom, as source 'phantom' of the stages"
    )
    validation_sources: tuple[SourceName, ...] | None = Field(
        None,
        description="sources validated on, by their publisher's part val, else the catalog's; what "
        "the catalog alone calls val of other sources is trained on; null: all of the stages",
    )
    lung_sources: tuple[SourceName, ...] | None = Field(
        None, description="sources whose lung masks follow the convention to learn; null: all"
    )
    somewhere: dict[str, tuple[Literal["infection", "opacity"], ...]] = Field(
        {},
        description="source to the maps that its labels count for as somewhere in the lungs, where "
        "no more is known: COVID-19 for an infection, COVID-19 and pneumonia for an opacity",
    )
    batch_size: int = Field(
        16, ge=1, description="films whose batch statistics and loss are taken together"
    )
    micro_batches: int = Field(
        1, ge=1, description="batches whose gradients make one step, shared among processes"
    )
    weight_decay: float = Field(1e-2, ge=0)
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the averaged weights, per step")
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    validate_every: int = Field(2, ge=1, description="epochs between looks at Val")
    patience: int | None = Field(
        None,
        ge=1,
        description="looks at Val without a better pooled F1 after which the run ends with its "
        "best weights; null: run to the end",
    )
    checkpoint_minutes: float = Field(3.0, gt=0)
    int8_loss: float | None = Field(
        0.005, ge=0, description="loss of Dice on Val up to which int8 is shipped; null: never"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _weak_labels_of_its_sources(self) -> Self:
        there = {source for stage in self.stages for source in stage.source_names}
        if strange := sorted(self.somewhere.keys() - there):
            raise ValueError(f"somewhere: no stage has the sources {', '.join(strange)}")
        return self


def read_config(path: Path) -> TrainingConfig:
    """Read a YAML configuration; its relative paths are relative to the file.

    Raises:
        UsageError: the file is missing, is not YAML, or a field is wrong.
    """
    config = read_yaml(path, TrainingConfig)
    base = path.parent
    network = config.network
    if network.weights not in ("imagenet", "random"):
        network = network.model_copy(update={"weights": str((base / network.weights).resolve())})
    distillation = config.distillation
    if distillation is not None:
        teachers = tuple((base / folder).resolve() for folder in distillation.teachers)
        distillation = distillation.model_copy(update={"teachers": teachers})
    hold_out = config.hold_out
    if hold_out.films is not None:
        hold_out = hold_out.model_copy(update={"films": (base / hold_out.films).resolve()})
    return config.model_copy(
        update={
            "snapshot": (base / config.snapshot).resolve(),
            "network": network,
            "distillation": distillation,
            "hold_out": hold_out,
        }
    )
