"""DX films as pydicom holds them, and their bytes."""

from __future__ import annotations

import datetime
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.dicom import write_dx

Y, X = np.mgrid[0:48, 0:64]
PLANE = (X * 1000 + Y * 7).astype(np.uint16)
SPAN = float(PLANE.max() - PLANE.min())
EXPECTED = (PLANE - PLANE.min()) / SPAN


def dx(
    plane: np.ndarray = PLANE,
    patient_id: str = "p",
    photometric: str = "MONOCHROME2",
    **changes: Any,
) -> Dataset:
    """A DX dataset; changes set elements, None deletes them."""
    stream = io.BytesIO()
    write_dx(  # type: ignore[arg-type]
        stream, plane, spacing_mm=(0.1, 0.2), patient_id=patient_id, photometric=photometric
    )
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    for name, value in changes.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    return dataset


def saved(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


class _Later(datetime.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime.datetime:
        return datetime.datetime(2035, 7, 8, 9, 10, 11)


def clock_of_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let highdicom, which stamps objects with the time of writing, run at another time."""
    clock = SimpleNamespace(**vars(datetime) | {"datetime": _Later})
    for module in ("base", "sr.sop", "pr.content", "sc.sop"):
        monkeypatch.setattr(f"highdicom.{module}.datetime", clock)
