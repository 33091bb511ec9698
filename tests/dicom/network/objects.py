"""A film and all its objects as files."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

pytest.importorskip("highdicom")
pytest.importorskip("reportlab")

sys.path.insert(0, str(Path(__file__).parents[1]))
from reports import PREDICTION, film  # noqa: E402

from infmap.dicom import film_of_picture  # noqa: E402
from infmap.report.dicom import dicom_objects  # noqa: E402


def file_of(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def all_objects() -> dict[str, Dataset]:
    """Kind to object, the film first."""
    made: dict[str, Dataset] = {"film": film()}
    made.update(dicom_objects(made["film"], PREDICTION).items())
    return made


def picture_film() -> Dataset:
    return film_of_picture(PREDICTION.radiograph)
