"""What answers hold, field by field: the description of the interface is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from infmap.core.types import GRADES
from infmap.inference import Manifest, Thresholds
from infmap.inference.areas import AreaErrors
from infmap.inference.operating import OperatingPoints
from infmap.report.lines import PredictionLine
from infmap.serve.jobs import Item, ItemState, Job, JobState


class ErrorAnswer(TypedDict):
    """What was expected, what arrived, what to do: one line."""

    error: str


class ThresholdsAnswer(TypedDict):
    """Operating points, each on a probability; null where unknown."""

    infection: float
    opacity: float | None
    film: float | None


class TrainingAnswer(TypedDict):
    """What a model was trained on."""

    sources: list[str]
    films: int


class SeverityAnswer(TypedDict):
    """What the interval of the extent score stands on."""

    population: str
    coverage: float | None
    alpha: float
    films: int
    healthy: int


class AreasAnswer(TypedDict):
    """What the model's areas were worth where it was validated, as its folder says.

    ``dice`` is the mean of COVID-19 films, with the areas that were drawn; ``empty_called`` the
    share of films without infection that show some. ``errors`` are signed: estimated minus true
    share, 0.01 being one percentage point of the lungs. Null where nothing was measured.
    """

    films: int | None
    dice: float | None
    empty_called: float | None
    errors: AreaErrors | None


class ModelAnswer(TypedDict):
    """A model that films can be read with."""

    name: str
    version: str
    label: str
    grades: list[str]
    threshold: ThresholdsAnswer
    operating_points: OperatingPoints | None
    training: TrainingAnswer
    severity: SeverityAnswer
    areas: AreasAnswer
    default: bool


class MeAnswer(TypedDict):
    """Who asks; ``csrf`` is for pages alone."""

    local: bool
    name: str | None
    csrf: str | None


class ItemAnswer(TypedDict):
    """One film of a job with one model."""

    position: int
    name: str
    sha256: str | None
    model: str
    state: ItemState
    film: str | None
    status: str | None
    reason: str | None


class JobAnswer(TypedDict):
    """A job; ``name`` is its first film's, null where it has none."""

    id: str
    name: str | None
    state: JobState
    models: list[str]
    threshold: float | None
    created: int
    ended: int | None
    counts: Mapping[ItemState, int]


class JobItemsAnswer(JobAnswer):
    """A job with its items."""

    items: list[ItemAnswer]


class NewJobAnswer(TypedDict):
    """A job, and the checksums of films that are to be sent."""

    id: str
    wanted: list[str]


class TakenAnswer(TypedDict):
    """Positions of the items that are the film that was sent."""

    items: list[int]


class QueuedAnswer(TypedDict):
    """A film that is being read: ask for its job."""

    job: str


class WindowAnswer(TypedDict):
    """Grey levels that a viewer shows between black and white."""

    center: float
    width: float


class OtherAnswer(TypedDict):
    """The same film read by another model or with another threshold."""

    film: str
    model: str


class SamePatientAnswer(TypedDict):
    """Another film of the same patient; ``days`` from this one to it, negative where earlier.

    ``view`` as of the film itself.
    """

    film: str
    days: int
    view: str | None
    infected_fraction: float | None
    opacity_fraction: float | None
    score: float | None


class FilmAnswer(TypedDict):
    """A film and what was read of it. Of one that could not be read only the reason is known.

    ``view`` is "AP", "PA"... as the file states it; null where it does not, as of any picture.
    """

    film: str
    name: str
    model: str
    line: PredictionLine
    thresholds: ThresholdsAnswer
    width: int | None
    height: int | None
    bits: int | None
    window: WindowAnswer | None
    study_date: str | None
    view: str | None
    pixel_spacing: tuple[float, float] | None
    dicom: bool
    others: list[OtherAnswer]
    same_patient: list[SamePatientAnswer]


class NotReadAnswer(TypedDict):
    """Why a film was not read."""

    error: str
    status: Literal["rejected", "failed"]
    film: NotRequired[str]


class AlignedAnswer(TypedDict):
    """Where a pixel (x, y, 1) of the other film lies in this one, from the lungs of both."""

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]


def thresholds_answer(thresholds: Thresholds) -> ThresholdsAnswer:
    """Operating points of a model or a result."""
    return {
        "infection": thresholds.infection,
        "opacity": thresholds.opacity,
        "film": thresholds.film,
    }


def model_answer(name: str, manifest: Manifest, *, default: bool) -> ModelAnswer:
    """What there is to know of a model before it is used."""
    severity = manifest.severity
    return {
        "name": name,
        "version": manifest.version,
        "label": manifest.label,
        "grades": list(GRADES),
        "threshold": thresholds_answer(manifest.thresholds),
        "operating_points": manifest.operating,
        "training": {
            "sources": list(manifest.training.sources),
            "films": manifest.training.films,
        },
        "severity": {
            "population": severity.population,
            "coverage": severity.coverage,
            "alpha": severity.alpha,
            "films": severity.films,
            "healthy": severity.healthy,
        },
        "areas": areas_answer(manifest),
        "default": default,
    }


def areas_answer(manifest: Manifest) -> AreasAnswer:
    """What the folder says of the areas; its metrics are for a reader, and may be of any kind."""
    measured: object = manifest.metrics.get("validation")
    found = measured if isinstance(measured, dict) else {}
    films, dice, called = (found.get(name) for name in ("films", "dice_positive", "empty_called"))
    return {
        "films": films if isinstance(films, int) else None,
        "dice": dice if isinstance(dice, float) else None,
        "empty_called": called if isinstance(called, float) else None,
        "errors": manifest.areas,
    }


def job_answer(job: Job, counts: Mapping[ItemState, int], name: str | None) -> JobAnswer:
    """A job without its items."""
    return {
        "id": job.id,
        "name": name,
        "state": job.state,
        "models": list(job.models),
        "threshold": job.threshold,
        "created": job.created,
        "ended": job.ended,
        "counts": counts,
    }


def item_answer(item: Item) -> ItemAnswer:
    """One item of a job."""
    return {
        "position": item.position,
        "name": item.name,
        "sha256": item.sha256,
        "model": item.model,
        "state": item.state,
        "film": item.film,
        "status": item.status,
        "reason": item.reason,
    }
