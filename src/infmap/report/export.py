"""Result files of a run: planes, ``results.jsonl`` and ``results.csv``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np

from infmap.core.errors import RejectedFilm, UsageError
from infmap.core.spreadsheet import cell
from infmap.core.types import ZONES, Prediction
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.ids import check_id
from infmap.report.lines import PredictionLine, parse

Status = Literal["ok", "rejected", "failed"]
KEYS = (
    "id",
    "path",
    "sha256",
    "status",
    "reason",
    "width",
    "height",
    "covid_probability",
    "covid_detected",
    "operating",
    "infected_fraction",
    "infected_fraction_left",
    "infected_fraction_right",
    "opacity_fraction",
    "opacity_fraction_left",
    "opacity_fraction_right",
    "zones",
    "zone_areas",
    "severity",
    "side_stated",
    "quality",
    "warnings",
    "calibrated_on",
    "model",
    "seconds",
)
CSV_COLUMNS = (
    *KEYS[: KEYS.index("operating")],
    "operating_rule_out",
    "operating_rule_in",
    *KEYS[KEYS.index("operating") + 1 : KEYS.index("zones")],
    *(f"zones_{z}" for z in ZONES),
    *(f"zone_areas_{z}" for z in ZONES),
    "severity_grade",
    "severity_grades",
    "severity_extent_score",
    "severity_low",
    "severity_high",
    "side_stated",
    "quality_json",
    "warnings",
    "calibrated_on_json",
    "model",
    "seconds",
)


@dataclass(frozen=True)
class FilmRow:
    """One line of ``results.jsonl``.

    Attributes:
        id: unique within the run; also the name of the film's planes.
        path: the input as the user gave it.
        status: "ok", "rejected" (read, not assessed) or "failed" (not read).
        sha256: hexadecimal digest of the file's bytes, where it could be read.
        reason: why there is no result; None when ok.
        fields: the other keys of the line, as far as known; see ``Prediction.to_dict``.

    Raises:
        ValueError: an id that is no file name, or a reason that does not fit the status.
    """

    id: str
    path: str
    status: Status
    sha256: str | None = None
    reason: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id(self.id)
        if (self.status == "ok") != (self.reason is None):
            raise ValueError(f"status {self.status!r} does not fit reason {self.reason!r}")
        unknown = set(self.fields) - set(KEYS[5:])
        if unknown:
            raise ValueError(f"expected fields of results.jsonl, got {sorted(unknown)}")

    @classmethod
    def of(cls, film_id: str, path: str, prediction: Prediction) -> Self:
        """Line of a film that was assessed."""
        sha256 = prediction.radiograph.sha256 or None
        return cls(film_id, path, "ok", sha256, None, prediction.to_dict())

    @classmethod
    def rejected(
        cls, film_id: str, path: str, reason: str, sha256: str | None = None, **fields: object
    ) -> Self:
        """Line of a film that was read but not assessed; ``fields`` as far as known."""
        return cls(film_id, path, "rejected", sha256, reason, fields)

    @classmethod
    def of_rejection(cls, film_id: str, path: str, error: RejectedFilm, model: str) -> Self:
        """Line of a film with all that is known of it: a person must be able to check the gate.

        Args:
            film_id: as the attribute.
            path: as the attribute.
            error: why it was not assessed.
            model: name@version of the model that was to read it.
        """
        known: dict[str, object] = {
            "quality": error.quality,
            "warnings": list(error.warnings),
            "model": model,
        }
        if error.radiograph is not None:
            known["height"], known["width"] = error.radiograph.shape
            known["side_stated"] = error.radiograph.side_stated
        return cls.rejected(film_id, path, error.reason, error.sha256, **known)

    @classmethod
    def failed(cls, film_id: str, path: str, reason: str, sha256: str | None = None) -> Self:
        """Line of a film that could not be read."""
        return cls(film_id, path, "failed", sha256, reason)

    def to_dict(self) -> PredictionLine:
        """All keys of the line in their documented order; null where unknown."""
        own: dict[str, object] = {
            "id": self.id,
            "path": self.path,
            "sha256": self.sha256,
            "status": self.status,
            "reason": self.reason,
        }
        known = own | dict(self.fields)
        line: PredictionLine = plain({key: known.get(key) for key in KEYS})
        return line


def plain(value: object) -> Any:
    """What JSON can hold: numpy scalars and arrays unpacked, NaN and infinity as None."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return str(value)


class ResultsWriter:
    """Appends films to ``results.jsonl`` and writes ``results.csv`` at the end.

    A line is on its way to the disk when ``write`` returns, so a killed run can go on where it
    stopped. Rows are kept in the order of the calls: call in input order.

    Args:
        out: the run's folder, made if need be.
        resume: keep the whole lines of an earlier run and append; else start over.

    Raises:
        UsageError: the folder or the files cannot be written.
    """

    def __init__(self, out: Path, *, resume: bool = False) -> None:
        self.out = make_folder(Path(out))
        self.path = self.out / "results.jsonl"
        keep = 0
        if resume:
            for _, end in _lines(self.path):
                keep = end
        with writing(self.path):
            # Unbuffered: nothing is left to fail at close after a full disk.
            self._file = open(  # noqa: SIM115 - closed by close()
                self.path, "r+b" if keep else "wb", buffering=0
            )
            # A line cut off by a crash goes before new ones are appended.
            self._file.truncate(keep)
            self._file.seek(keep)

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, without hiding an error that is under way."""
        if error is None:
            self.close()
        else:
            with suppress(UsageError):
                self.close()

    def write(self, row: FilmRow) -> PredictionLine:
        """Append one line.

        Args:
            row: the film.

        Returns:
            The line.

        Raises:
            UsageError: the disk is full or gone; the file ends with the last whole line.
        """
        line = row.to_dict()
        self.append(json.dumps(line, allow_nan=False).encode() + b"\n")
        return line

    def append(self, lines: bytes) -> None:
        """Append whole lines, all or none of them.

        Args:
            lines: as ``write`` makes them, each with its end.

        Raises:
            UsageError: the disk is full or gone; the file ends with the last whole line.
        """
        data = memoryview(lines)
        start = self._file.tell()
        with writing(self.path):
            try:
                while data:
                    # An unbuffered write may take only a part, as at a quota.
                    data = data[self._file.write(data) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(start)
                    self._file.seek(start)
                raise

    def replace(self, put: Callable[[], object]) -> None:
        """Close ``results.jsonl`` and have it written again, before ``results.csv`` is made of it.

        Args:
            put: replaces the file.

        Raises:
            UsageError: a file cannot be written.
        """
        self.end()
        put()
        write_csv(self.out)

    def end(self) -> None:
        """Close ``results.jsonl``, on the disk, and make no ``results.csv`` of it.

        Raises:
            UsageError: the disk is full or gone.
        """
        with writing(self.path):
            os.fsync(self._file.fileno())
            self._file.close()

    def close(self) -> None:
        """Close ``results.jsonl`` and write ``results.csv``; a second call does nothing.

        Raises:
            UsageError: ``results.csv`` cannot be written.
        """
        if self._file.closed:
            return
        self.end()
        write_csv(self.out)


def iter_results(out: Path) -> Iterator[PredictionLine]:
    """Read ``results.jsonl`` line by line; see ``read_results``."""
    return (row for row, _ in iter_lines(out))


def iter_lines(out: Path) -> Iterator[tuple[PredictionLine, int]]:
    """Read ``results.jsonl`` line by line, each with the byte offset at which it ends."""
    return _lines(Path(out) / "results.jsonl")


def read_results(out: Path) -> list[PredictionLine]:
    """Read the films of an earlier run.

    A last line that was cut off, as after a crash or a full disk, is left out.

    Args:
        out: the run's folder.

    Returns:
        The lines in order; empty when there is no ``results.jsonl``.

    Raises:
        UsageError: a line before the last one is damaged, or the file cannot be read.
    """
    return list(iter_results(out))


def _lines(path: Path) -> Iterator[tuple[PredictionLine, int]]:
    """Yield each whole line and the byte offset at which it ends."""
    damaged = 0
    end = 0
    try:
        with path.open("rb") as f:
            for number, line in enumerate(f, 1):
                if damaged:
                    raise UsageError(
                        f"{path} is damaged at line {damaged}; "
                        "repair it, or run again without --resume to start over"
                    )
                row = parse(line)
                if row is None:
                    damaged = number
                    continue
                end += len(line)
                yield row, end
    except FileNotFoundError:
        return
    except OSError as e:
        raise UsageError(f"cannot read {path}: {e.strerror}; check the output folder") from e


def flatten(row: PredictionLine) -> dict[str, object]:
    """One line of ``results.jsonl`` as one row of ``results.csv``; empty where null."""
    zones, areas = row.get("zones") or {}, row.get("zone_areas") or {}
    severity, operating = row.get("severity"), row.get("operating") or {}
    low, high = (severity and severity.get("interval")) or (None, None)
    grades, warnings = severity and severity.get("grades"), row.get("warnings")
    quality, calibrated = row.get("quality"), row.get("calibrated_on")
    flat: dict[str, object] = {key: row.get(key) for key in CSV_COLUMNS}
    flat.update({f"zones_{z}": zones.get(z) for z in ZONES})
    flat.update({f"zone_areas_{z}": areas.get(z) for z in ZONES})
    flat.update({f"operating_{k}": operating.get(k) for k in ("rule_out", "rule_in")})
    flat.update(
        severity_grade=severity and severity["grade"],
        severity_grades=None if grades is None else "; ".join(grades),
        severity_extent_score=severity and severity["extent_score"],
        severity_low=low,
        severity_high=high,
        quality_json=None if quality is None else json.dumps(quality),
        warnings=None if warnings is None else "; ".join(warnings),
        calibrated_on_json=None if calibrated is None else json.dumps(calibrated),
    )
    return {k: str(v).lower() if isinstance(v, bool) else cell(v) for k, v in flat.items()}


def write_csv(out: Path) -> Path:
    """Write ``results.csv`` from ``results.jsonl``, line by line.

    Args:
        out: the run's folder.

    Returns:
        The file: UTF-8, one header line, columns as ``CSV_COLUMNS``.

    Raises:
        UsageError: the file cannot be written, or ``results.jsonl`` is damaged.
    """

    def fill(f: IO[bytes]) -> None:
        # File names need not be valid UTF-8: their stray bytes pass through unchanged.
        text = io.TextIOWrapper(f, encoding="utf-8", errors="surrogateescape", newline="")
        table = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
        table.writeheader()
        for row in iter_results(out):
            table.writerow(flatten(row))
        text.flush()
        text.detach()

    return write_atomically(Path(out) / "results.csv", fill)
