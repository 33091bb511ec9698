"""What a study writes and reads again: the fields of its JSON files and the columns of films.csv.

They are typed dictionaries and not dataclasses: their keys are the files' own, and a figure that a
run does not have is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypeAlias, TypedDict

from infmap.metrics import EstimateRecord

Cell: TypeAlias = str | int | float | bool | None
"""What a field of a CSV file holds; None is unknown."""
Row: TypeAlias = dict[str, Cell]
"""A row of a table whose columns follow from what was measured, such as results.csv."""
Figures: TypeAlias = dict[str, EstimateRecord]
"""Figures by name, each with its interval."""

# A call and not a class: "class" cannot be the name of a class's field.
FilmRow = TypedDict(
    "FilmRow",
    {
        "film_id": str,
        "source": str,
        "group": str,
        "patient": str | None,
        "class": str | None,
        "set": str,
        "tp": int,
        "fp": int,
        "fn": int,
        "tn": int,
        "dice": float,
        "nsd": float,
        "hd95": float,
        "covid_probability": float,
        "covid_detected": bool,
        "map_peak": float,
        "map_area": int,
        "map_any": bool,
        "map_detected": bool,
        "energy": float,
        "pointing": float,
        "infected_share_true": float,
        "infected_share_predicted": float,
        "lung_dice": float,
        "opacity_dice": float,
        "opaque_share_true": float,
        "opaque_share_predicted": float,
        "infection_mean": float,
        "opacity_mean": float,
        "opacity_right": float,
        "opacity_left": float,
        "class_log_odds": float,
    },
    total=False,
)
"""A row of films.csv: see ``infmap.study.evaluation`` for what each column is."""

COLUMNS = tuple(FilmRow.__annotations__)
"""Columns of films.csv; empty is unknown, or what this network does not give."""


class Interval(TypedDict):
    """A figure and the ends of its interval; None where there is none."""

    value: float | None
    low: float | None
    high: float | None


class Line(TypedDict):
    """A run, or whatever a line of a table is of, with its figures by column."""

    name: str
    figures: Mapping[str, Interval | None]


class Table(TypedDict):
    """A table of the report: its file's name, its title, headings by column, and its lines."""

    name: str
    title: str
    columns: dict[str, str]
    rows: list[Line]


class Speed(TypedDict):
    """A run's accuracy and speed: pooled F1 of infection with its interval, and ms a film."""

    name: str
    decoder: str
    frozen: bool
    ms: float
    f1: float
    low: float
    high: float
    runtime: str


class OverviewRow(TypedDict):
    """A network of the overview, its figures by panel; none where it was not run."""

    name: str
    group: str
    frozen: bool
    figures: dict[str, Interval]


class Gap(TypedDict):
    """Pooled F1 of activation maps, and how much higher that of infection maps is."""

    label: str
    f1: float
    gap: float
    low: float | None
    high: float | None


class Chosen(TypedDict):
    """Operating points of a run, and the films that they were chosen on."""

    infection: float
    covid: float
    least_area: NotRequired[int]
    """Pixels of the map from which a film is positive by the paper's rule; absent without a map."""
    chosen_on: str


class Budget(TypedDict):
    """What training took, whatever the clock says."""

    training_films: int
    steps: int
    films_seen: int
    films_learnt_from: NotRequired[int]
    """What infmap 0.1 and 0.2 called ``training_films``; ``Study.result`` gives today's name."""


class SetFigures(TypedDict):
    """Figures of the held-out films, all and by source, and of each external source."""

    metrics: Figures
    held_out: dict[str, Figures]
    external: dict[str, Figures]


class ActivationFigures(SetFigures):
    """How well one method's activation maps show infection.

    ``channels`` is how many were weighed a film; None for all.
    """

    threshold: float
    threshold_from: str
    channels: int | None


class Beside(TypedDict):
    """A deployed model's figures on the study's films.

    ``trained_on`` is source to the films left out because it was trained on them or on copies.
    """

    model: str
    size: int
    trained_on: dict[str, int]
    held_out: dict[str, Figures]
    external: dict[str, Figures]


class Scoring(TypedDict):
    """What a score follows from beside the network; see ``infmap.study.rescore``."""

    version: int
    draws: int
    surface_tolerance: float
    activation_maps: list[str]
    activation_films: int
    scorecam_films: int
    scorecam_channels: int


class Result(TypedDict, total=False):
    """result.json: what a finished run found."""

    scoring: Scoring
    thresholds: Chosen
    size: dict[str, float]
    budget: Budget
    metrics: Figures
    held_out: dict[str, Figures]
    external: dict[str, Figures]
    activation_maps: dict[str, ActivationFigures]


class Timing(TypedDict, total=False):
    """timing.json: what depends on the clock and the machine."""

    train_s: float
    projected_s: float  # in place of it, of a collected run that had begun


class Timed(TypedDict):
    """A network's time a film, its input size in pixels and its number format."""

    ms: float
    size: int
    precision: str


class Speeds(TypedDict, total=False):
    """speed.json: networks timed in turns, by id of the run or label of the model.

    ``load`` is the machine's mean number of processes that ran or waited in the minute before;
    ``calls`` is how many calls each median is of.
    """

    runtime: str
    processor: str
    threads: int
    load: float
    calls: int
    networks: dict[str, Timed]


class Machine(TypedDict):
    """environment.json: versions and hardware that a run's figures depend on."""

    python: str
    system: str
    host: str
    processor: str
    cores: int | None
    threads: int
    gpu: str | None
    packages: NotRequired[dict[str, str]]
