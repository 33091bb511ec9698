"""A study's folder, and files in it that are whole or absent.

STUDY/
    study.json      the configuration
    splits/         a snapshot a split
    runs/ID/        a run: also a model folder
    speed.json      milliseconds a film of all networks
    results.csv     one row per run; pooled.csv over folds; timing.csv; activation_maps.csv
    report/         report.html, tables as CSV and LaTeX
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from infmap.catalog.yaml_file import first_fault
from infmap.core import files
from infmap.core.errors import UsageError
from infmap.core.spreadsheet import cell, cell_text
from infmap.study.config import StudyConfig
from infmap.study.films import FilmTable, films_file
from infmap.study.grid import Run, enumerate_runs, same_runs
from infmap.study.packed import PACKED, unpack_films
from infmap.study.records import Beside, Result, Scoring, Speeds, Timing

STUDY, STATUS, RESULT, TIMING, FILMS, ENVIRONMENT, EXAMPLES, SPEED = (
    "study.json",
    "status.json",
    "result.json",
    "timing.json",
    "films.csv",
    "environment.json",
    "examples.npz",
    "speed.json",
)
FINISHED = ("done", "diverged", "failed")


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes:
        state: "waiting", "running", "done", "diverged" or "failed".
        reason: why it failed or diverged, one line; else empty.
        attempts: how often it was started.
        host: where it was last started.
        pid: of its process there.
    """

    state: str = "waiting"
    reason: str = ""
    attempts: int = 0
    host: str = ""
    pid: int = 0


_STATUS = TypeAdapter(Status)
Record = TypeVar("Record", bound=Mapping[str, object])


class Study:
    """An opened study.

    Args:
        folder: as ``create_study`` made it.

    Raises:
        UsageError: the folder holds no study, or one that this version does not know.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            values = json.loads((folder / STUDY).read_text(encoding="utf-8"))
            self.config = StudyConfig.model_validate(values["configuration"])
            self.folds = tuple(str(name) for name in values["folds"])
        except OSError as error:
            raise UsageError(f"{folder}: holds no study; make one with infmap study run") from error
        except ValidationError as error:
            fault = first_fault(error)
            raise UsageError(f"{folder / STUDY}: cannot be understood: {fault}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder / STUDY}: cannot be understood: {error}") from error
        self.runs = enumerate_runs(self.config, self.folds)

    def run(self, run_id: str) -> Run:
        """A run by its id.

        Raises:
            UsageError: the study has no such run.
        """
        for run in self.runs:
            if run.id == run_id:
                return run
        raise UsageError(f"{self.folder}: has no run {run_id!r}")

    def repeats(self, run: Run) -> bool:
        """Whether a run has a further seed, and stands beside the grid."""
        return run.seed not in self.config.grid.seeds

    def path(self, run: Run) -> Path:
        """A run's folder."""
        return self.folder / "runs" / run.id

    def split(self, run: Run) -> Path:
        """The snapshot of a run's split."""
        return self.folder / "splits" / run.fold

    def status(self, run: Run) -> Status:
        """Where a run stands."""
        return read_status(self.path(run))

    def result(self, run: Run) -> Result | None:
        """What a run found; None unless it is done."""
        if self.status(run).state != "done":
            return None
        found = read_record(self.path(run) / RESULT, Result)
        budget = found.get("budget")
        if budget is not None and "films_learnt_from" in budget:
            found["budget"] = {"training_films": budget["films_learnt_from"],
                               "steps": budget["steps"],
                               "films_seen": budget["films_seen"]}  # fmt: skip
        return found

    def films(self, run: Run, method: str | None = None) -> FilmTable:
        """The scored films of a run, or of a classifier's activation maps by a method.

        Raises:
            UsageError: they cannot be read.
        """
        file = self.path(run) / (FILMS if method is None else films_file(method))
        packed = file.with_name(f"{file.name}.gz")
        if packed.exists() and not file.exists():
            return unpack_films(self.folder / PACKED, packed)
        return FilmTable.of(read_csv(file))

    def beside(self) -> list[Beside]:
        """Deployed models that were scored on the study's films."""
        files = sorted((self.folder / "beside").glob("*.json"))
        return [read_record(file, Beside) for file in files]

    def timing(self, run: Run) -> Timing:
        """How long a run took; empty where that is not known."""
        found = read_record(self.path(run) / TIMING, Timing)
        kept: Timing = {}
        # Of an earlier version it holds milliseconds a film too, taken while other runs trained.
        if "train_s" in found:
            kept["train_s"] = found["train_s"]
        if "projected_s" in found:
            kept["projected_s"] = found["projected_s"]
        return kept

    def speeds(self) -> Speeds | None:
        """Milliseconds a film of all networks, measured in turns; None before that."""
        return read_record(self.folder / SPEED, Speeds) or None


def create_study(config: StudyConfig, folder: Path) -> Study:
    """Make a study's folder, or open it if it holds the same study, or a part of it.

    Raises:
        UsageError: the folder holds another study, or cannot be written.
        SnapshotError: the snapshot is missing or damaged, or lacks films.
    """
    from infmap.study.splits import write_splits

    if read_json(folder / STUDY) is not None:
        kept = Study(folder)
        if _deciding(kept.config) != _deciding(config) or not same_runs(
            kept.config, config, kept.folds
        ):
            raise UsageError(
                f"{folder}: holds a study of another configuration; choose another folder "
                "(a grid may grow, but every run that the folder has stays as it is)"
            )
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror})") from error
    folds = write_splits(config, folder / "splits")
    write_study(folder, config, folds)
    return Study(folder)


def write_study(folder: Path, config: StudyConfig, folds: Sequence[str]) -> None:
    """Write what ``Study`` reads of the configuration."""
    values = json.loads(config.model_dump_json())
    write_json(folder / STUDY, {"configuration": values, "folds": list(folds)})


NOT_OF_TRAINING = ("limits", "activation_maps", "activation_films", "scorecam_films",
                   "scorecam_channels")  # fmt: skip
"""Fields that may be changed between calls: a trained run is scored again, see ``rescore``."""
SCORING = 3
"""Version of the scoring; 1 is that of a result which does not name one."""


def scoring_of(config: StudyConfig) -> Scoring:
    """What a score follows from beside the trained network: kept with every result."""
    return {
        "version": SCORING,
        "draws": config.draws,
        "surface_tolerance": config.surface_tolerance,
        "activation_maps": list(config.activation_maps),
        "activation_films": config.activation_films,
        "scorecam_films": config.scorecam_films,
        "scorecam_channels": config.scorecam_channels,
    }


def _deciding(config: StudyConfig) -> dict[str, object]:
    """What all runs share; grid and weights are compared run by run, see ``same_runs``."""
    apart = (*NOT_OF_TRAINING, "grid", "weights")
    return {name: getattr(config, name) for name in StudyConfig.model_fields if name not in apart}


def read_status(folder: Path) -> Status:
    """Status of a run's folder; waiting where there is none.

    The result is what makes a run done: it is written whole and last. A run that was killed before
    its status said so is done all the same, and is not repeated.
    """
    values = read_json(folder / STATUS)
    status = _STATUS.validate_python(values) if values else Status()
    if status.state != "done" and (folder / RESULT).exists():
        return replace(status, state="done", reason="")
    return status


def write_status(folder: Path, status: Status) -> None:
    """Replace a run's status."""
    write_json(folder / STATUS, asdict(status))


def read_json(path: Path) -> files.Json:
    """A JSON file's content; None where it is missing or, cut off by a crash, no JSON."""
    try:
        return files.read_json(path)
    except (OSError, ValueError):
        return None


def read_record(path: Path, kind: type[Record]) -> Record:
    """A record that ``write_json`` wrote; empty where the file is missing or no JSON.

    Args:
        path: the file.
        kind: one of ``infmap.study.records``.
    """
    found = read_json(path)
    # Not checked field by field: a study of an earlier version may lack some, or have others.
    return cast(Record, found) if isinstance(found, dict) else kind()


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, all or nothing; what is not finite becomes null."""
    files.write_json(path, files.finite(value), indent=1)


def write_csv(path: Path, rows: Iterable[Mapping[str, object]], first: Sequence[str] = ()) -> None:
    """Write rows as CSV, all or nothing; columns in order of appearance, unknown values empty."""
    rows = list(rows)
    columns = dict.fromkeys(first) | dict.fromkeys(key for row in rows for key in row)
    with (
        files.replacing(path) as part,
        part.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(_text(row.get(column))) for column in columns])


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                {name: cell_text(value or "") for name, value in row.items() if name is not None}
                for row in csv.DictReader(stream)
            ]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # Six digits: more than the films of any set can tell apart.
    return f"{value:.6g}" if isinstance(value, float) else str(value)
