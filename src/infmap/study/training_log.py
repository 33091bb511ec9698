"""What a run says while it trains, and when it is given up."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import cast

from infmap.core.files import finite, parse_json
from infmap.training.log import Record

TRAINING_LOG = "log.jsonl"
"""In a run's folder."""
_PATIENCE = 3  # records in a row without a finite loss; single steps are skipped by the loop


class Line(Record):
    """A record as it is kept: with the seconds since the attempt began."""

    time: float


def read_training_log(file: Path) -> list[Line]:
    """Every line of a run's log, in order.

    Raises:
        OSError: there is none.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    return [cast(Line, parse_json(line)) for line in lines]


class Diverged(Exception):
    """A run that learned nothing: its loss is not finite, or its maps are constant."""


class TrainingLog:
    """Appends records to a file, and stops a run whose loss is not finite.

    Args:
        file: one JSON record a line, each with ``time``: seconds since the attempt began.
    """

    def __init__(self, file: Path) -> None:
        self._stream = file.open("a", encoding="utf-8")
        self._begun = time.monotonic()
        self._bad = 0

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __call__(self, record: Record) -> None:
        """Append one record.

        Raises:
            Diverged: the loss was not finite for some records in a row.
        """
        seconds = round(time.monotonic() - self._begun, 3)
        self._stream.write(json.dumps(finite({**record, "time": seconds})) + "\n")
        self._stream.flush()
        if "loss" in record:
            self._bad = 0 if math.isfinite(record["loss"]) else self._bad + 1
        self.check()

    def check(self, end: bool = False) -> None:
        """Raise ``Diverged`` if the loss is not finite, at the end or for long."""
        if self._bad >= _PATIENCE or (end and self._bad):
            raise Diverged("the loss is not finite")
