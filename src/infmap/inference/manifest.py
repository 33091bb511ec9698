"""The model folder: weights for each runtime, and a manifest of all that prediction needs.

MODEL_FOLDER/
    manifest.json        this module's ``Manifest``
    network.xml, .bin    OpenVINO
    weights.safetensors  float16, to go on training from
    graph.pb             ONNX graph without its weights, see ``infmap.inference.onnx_graph``
    network.onnx         ONNX, where ``infmap export`` wrote the folder
    README.md            the model card
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from infmap.core.errors import ModelError
from infmap.core.files import sha256, write_json
from infmap.core.types import CalibratedOn
from infmap.inference.areas import AreaErrors
from infmap.inference.operating import OperatingPoints
from infmap.inference.preprocess import Preprocessing
from infmap.inference.severity import Calibration
from infmap.inference.site import Site

MANIFEST = "manifest.json"
# Raised when a field changes its meaning, so that an old program refuses a new folder. 1 is still
# read: infmap 0.1 was handed out.
FORMAT = 2
NETWORK_FILES = (
    "network.xml",
    "network.bin",
    "network.onnx",
    "weights.safetensors",
    "graph.pb",
    "weights.pt",
)
"""Files of a model folder that are loaded, and so carry a checksum; the last is of infmap 0.1."""
UNKNOWN = "unknown films"
_LONGEST = 200
"""Characters of what is wrong with a field: a curve has many numbers."""
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Slope = Annotated[float, Field(ge=-1e3, le=1e3)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Thresholds:
    """Operating points, each on a probability in (0, 1).

    Attributes:
        infection: a pixel is infected.
        opacity: a pixel is opaque.
        lungs: a pixel is lung.
        infection_chosen_on: films that ``infection`` and ``film`` were chosen on.
        opacity_chosen_on: films that ``opacity`` was chosen on.
        film: COVID-19 is detected on a film; None for the value of ``infection``.

    Raises:
        ValueError: one is out of range.
    """

    __pydantic_config__ = STRICT

    infection: Share = 0.5
    opacity: Share = 0.5
    lungs: Share = 0.5
    infection_chosen_on: Text = UNKNOWN
    opacity_chosen_on: Text = UNKNOWN
    film: Share | None = None

    def __post_init__(self) -> None:
        if not all(0.0 < value < 1.0 for value in (self.infection, self.opacity, self.lungs)):
            raise ValueError(f"expected thresholds in (0, 1), got {self}")
        if not 0.0 < self.covid < 1.0:
            raise ValueError(f"expected a film's operating point in (0, 1), got {self.film}")

    @property
    def covid(self) -> float:
        """A film is reported as COVID-19 detected from this probability on."""
        return self.infection if self.film is None else self.film

    def at(self, point: float) -> Thresholds:
        """The same with one operating point of a user's choice for pixel and film.

        Raises:
            ValueError: the operating point is not in (0, 1).
        """
        return replace(self, infection=point, film=None, infection_chosen_on="the user")


@dataclass(frozen=True)
class PlattScaling:
    """Logistic regression that makes a probability of COVID-19 of the network's output.

    Platt 1999, on log-odds of up to three kinds. Detection is read from what is localised: the
    amount of infection alone carries over to other hospitals (docs/decisions/023). A network
    without maps has its class alone; models up to 0.3 used class and peak.

    Attributes:
        class_slope: weight of the class against the rest.
        peak_slope: weight of the highest pixel of the infection map within the lungs.
        intercept: log-odds.
        population: films that it was fitted on.
        amount_slope: weight of the amount of infection that the map shows in the lungs, see
            ``infmap.inference.postprocess.map_amount``.
    """

    __pydantic_config__ = STRICT

    class_slope: Slope = 1.0
    peak_slope: Slope = 0.0
    intercept: Slope = 0.0
    population: Text = UNKNOWN
    amount_slope: Slope = 0.0

    def log_odds(self, class_odds: float, peak_odds: float, amount_odds: float) -> float:
        """Calibrated log-odds of a film."""
        return (
            self.class_slope * class_odds
            + self.peak_slope * peak_odds
            + self.amount_slope * amount_odds
            + self.intercept
        )


@dataclass(frozen=True)
class Training:
    """What a model was trained on and how.

    Attributes:
        sources: names of the sources.
        films: number of films.
        weights: what it started from.
        precision: of the network that OpenVINO runs.
        configuration: the whole configuration, for a reader; see ``infmap.training.config``.
        finished: day, YYYY-MM-DD.
    """

    __pydantic_config__ = STRICT

    sources: tuple[str, ...] = ()
    films: Annotated[int, Field(ge=0)] = 0
    weights: str = "unknown"
    precision: Literal["int8", "float"] = "float"
    configuration: dict[str, Any] = field(default_factory=dict)
    finished: str = ""


@dataclass(frozen=True)
class Manifest:
    """What travels with the weights.

    Attributes:
        name: the model's name.
        version: the model's version.
        preprocessing: how a film becomes the input.
        thresholds: operating points.
        detection: the film's probability of COVID-19.
        operating: points to rule COVID-19 out and in, with what they are worth; None where they
            were not measured.
        severity: from opaque shares of the lungs to an extent score.
        areas: how far infected and opaque areas are from drawn ones; None where it was not
            measured.
        training: what it was trained on and how.
        site: whose own films it was calibrated on; None for no site.
        metrics: figures measured on named films, for a reader.
        files: file name to SHA-256.
    """

    __pydantic_config__ = STRICT

    name: Text
    version: Text
    preprocessing: Preprocessing = Preprocessing()
    thresholds: Thresholds = Thresholds()
    detection: PlattScaling = PlattScaling()
    operating: OperatingPoints | None = None
    severity: Calibration = Calibration()
    areas: AreaErrors | None = None
    training: Training = Training()
    site: Site | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    files: dict[Literal[NETWORK_FILES], Sha256] = field(default_factory=dict)  # type: ignore[valid-type]

    @property
    def label(self) -> str:
        """name@version."""
        return f"{self.name}@{self.version}"

    @property
    def localises(self) -> bool:
        """Whether the network has maps; a plain classifier, trained without a decoder, has none."""
        network = self.training.configuration.get("network")
        return not (isinstance(network, dict) and network.get("decoder") == "none")

    @property
    def sha256(self) -> str:
        """Checksum of all that an answer depends on, the checksums of the files included.

        ``areas`` is left out: it says how good answers are, and measuring it changes none.
        """
        values = asdict(self)
        del values["areas"]
        # Sorted and in ASCII: the same fields give the same checksum on every machine.
        fields = json.dumps(values, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(fields.encode()).hexdigest()

    def at(self, point: float) -> Manifest:
        """The same with one operating point of a user's choice, see ``Thresholds.at``.

        How far its areas are from drawn ones was measured at the model's own points, so that goes.
        """
        return replace(self, thresholds=self.thresholds.at(point), areas=None)

    @property
    def calibrated_on(self) -> CalibratedOn:
        """Films that each figure was calibrated on."""
        return CalibratedOn(
            probability=self.detection.population,
            operating_point=self.thresholds.infection_chosen_on,
            opacity=self.thresholds.opacity_chosen_on,
            severity=self.severity.population,
        )


def read_manifest(folder: Path) -> Manifest:
    """Read a model folder's manifest.

    Raises:
        ModelError: the folder is no model folder, its manifest is of another format, or a field
            is missing, unknown, of the wrong type or out of range.
    """
    file = folder / MANIFEST
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{folder}: no model folder, {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{file}: expected an object of fields, got {_short(values)}")
    found = values.pop("format", None)
    if found == 1 and not isinstance(found, bool):
        values = _from_format_1(values)
    elif found != FORMAT or isinstance(found, bool):
        raise ModelError(
            f"{file}: format: expected {FORMAT}, got {_short(found)}; "
            "install the infmap that wrote it"
        )
    try:
        # Through JSON, since pydantic's strict mode takes a list for a tuple in JSON only.
        return _adapter().validate_json(json.dumps(values))
    except ValidationError as error:
        raise ModelError(f"{file}: {_first(error)}; train or install the model again") from error


def _first(error: ValidationError) -> str:
    """The first thing wrong: the field, what was expected, what arrived."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where}: expected a value, got none"
    if first["type"] == "unexpected_keyword_argument":
        return f"{where}: expected no field of that name, got {_short(first['input'])}"
    if first["type"] == "value_error":
        return f"{where}: {what if len(what) <= _LONGEST else what[:_LONGEST] + '...'}"
    what = what.partition(" should ")[2].removeprefix("be ") or what
    return f"{where}: expected {what}, got {_short(first['input'])}"


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _from_format_1(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a manifest that infmap 0.1 wrote, as they are named today.

    The film's operating point was named ``covid``. Its severity was fitted on shares of another
    map, so the definition's own map replaces it.
    """
    values = {k: v for k, v in values.items() if k != "severity"}
    if isinstance(values.get("preprocessing"), dict):
        values["preprocessing"] = {"crop": None, **values["preprocessing"]}
    thresholds, detection = values.get("thresholds"), values.get("detection")
    if isinstance(thresholds, dict) and "covid" in thresholds:
        kept = {k: v for k, v in thresholds.items() if k != "covid"}
        values["thresholds"] = {**kept, "film": thresholds["covid"]}
    if isinstance(detection, list) and len(detection) == 2:
        values["detection"] = {"class_slope": detection[0], "intercept": detection[1]}
    return values


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with the checksums of the folder's other files."""
    values = asdict(manifest)
    values["files"] = {
        name: sha256(folder / name) for name in NETWORK_FILES if (folder / name).is_file()
    }
    write_json(folder / MANIFEST, {"format": FORMAT, **values})


def read_deployable(folder: Path) -> Manifest:
    """Read a model folder's manifest and check that the folder can predict.

    Raises:
        ModelError: the folder is missing or damaged, or its network has no maps.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    if not manifest.localises:
        raise ModelError(
            f"{folder}: expected a network with maps, got a plain classifier (decoder 'none'); "
            "train a network with a decoder, for example from its encoder"
        )
    return manifest


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every network file of the model folder with its checksum.

    Raises:
        ModelError: a file is missing, differs, or has no checksum.
    """
    # A file without a checksum is refused as well: swapping weights must not go unnoticed.
    named: Mapping[str, str] = manifest.files
    for name in NETWORK_FILES:
        path = folder / name
        if name not in named:
            if path.exists():
                raise ModelError(
                    f"{path}: the manifest has no checksum of it under files; "
                    "install or train the model again"
                )
            continue
        if not path.is_file():  # also a pipe, which would be waited for
            raise ModelError(f"{path}: is missing; install or train the model again")
        try:
            found = sha256(path)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
        if found != named[name]:
            raise ModelError(f"{path}: checksum differs; install or train the model again")
