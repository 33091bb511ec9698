"""``run.json``: the settings that a run's figures depend on, and how the run went."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.core.errors import UsageError
from infmap.report.files import write_atomically

if TYPE_CHECKING:
    from infmap.api import Model

RECORD = "run.json"
FORMAT = 2
"""Of the results. Raise it whenever a film's figures or the keys of its line change."""


@dataclass(frozen=True)
class Settings:
    """What a film's figures depend on, beside the film. Results of two settings never mix.

    Attributes:
        model: name@version.
        model_sha256: of the model folder's manifest, which holds the checksums of its files.
        threshold: infection threshold in use.
        film_threshold: the film's own point; None where the threshold is that of the film too, as
            where a user names one.
        runtime: "openvino" or "onnxruntime": their networks differ in precision.
        device: of the runtime.
        infmap: version of this package.
        format: of the results.
    """

    model: str
    model_sha256: str
    threshold: float
    runtime: str
    device: str
    infmap: str
    format: int = FORMAT
    film_threshold: float | None = None

    @classmethod
    def of(cls, model: Model) -> Settings:
        """Settings of a loaded model."""
        from infmap import __version__

        predictor = model.predictor
        film = predictor.manifest.thresholds.film
        return cls(
            model=model.name,
            model_sha256=predictor.model_sha256,
            # Six digits: a threshold typed by hand is the same after a round trip through JSON.
            threshold=round(predictor.manifest.thresholds.infection, 6),
            runtime=predictor.runtime,
            device={"auto": "cpu"}.get(predictor.device.lower(), predictor.device.lower()),
            infmap=__version__,
            film_threshold=None if film is None else round(film, 6),
        )

    def differences(self, other: Settings) -> Iterator[tuple[str, object, object]]:
        """Name, own value and other value of each setting that differs."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                yield field.name, mine, theirs


def read_settings(out: Path) -> Settings:
    """Settings of the run whose results lie in a folder.

    Raises:
        UsageError: there is no ``run.json``, or it is damaged.
    """
    path = out / RECORD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            **{field.name: values["settings"][field.name] for field in fields(Settings)}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{out}: holds results, but {RECORD} does not tell their settings; leave out --resume "
            "to start over, or choose another folder"
        ) from error


def noted(out: Path, key: str) -> str | None:
    """A text that ``run.json`` has beside the settings; None where there is none."""
    try:
        value = json.loads((out / RECORD).read_bytes())[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def check_same(out: Path, now: Settings) -> None:
    """Refuse to go on with results of other settings.

    Raises:
        UsageError: the settings differ; the message names both.
    """
    found = list(read_settings(out).differences(now))
    if found:
        theirs = ", ".join(f"{name} {_short(old)}" for name, old, _ in found)
        ours = ", ".join(f"{name} {_short(new)}" for name, _, new in found)
        raise UsageError(
            f"{out}: expected to go on with {theirs}, got {ours}: give the settings of those "
            "results, leave out --resume to start over, or choose another folder"
        )


def _short(value: object) -> str:
    return str(value)[:12] if isinstance(value, str) and len(value) == 64 else str(value)


def write_record(
    out: Path,
    settings: Settings,
    *,
    started: datetime,
    finished: datetime | None = None,
    more: Mapping[str, object] | None = None,
) -> None:
    """Write ``run.json``.

    Args:
        out: the run's folder.
        settings: in use.
        started: when this run, or the resumption, started.
        finished: when it ended; None while it runs, and for ever where it was stopped.
        more: other values, JSON's.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    values: Mapping[str, object] = {
        "settings": asdict(settings),
        **(more or {}),
        "started": _time(started),
        "finished": None if finished is None else _time(finished),
    }
    text = json.dumps(values, indent=2) + "\n"
    write_atomically(out / RECORD, lambda file: file.write(text.encode()))


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
