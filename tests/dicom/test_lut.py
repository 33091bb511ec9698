"""Tests of `infmap.dicom.lut`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import dx  # noqa: E402


def lut(descriptor: list[int], outputs: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "US", outputs)
    return item


def test_modality_lut_then_voi_lut() -> None:
    plane = np.array([[0, 1], [2, 3]], np.uint16)
    dataset = dx(plane, RescaleSlope=None, RescaleIntercept=None)
    dataset.ModalityLUTSequence = [lut([4, 0, 16], [0, 2, 4, 6])]
    dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    dataset.VOILUTSequence = [lut([7, 0, 16], [100, 0, 200, 0, 300, 0, 500])]
    # Modality: 0 2 4 6; VOI: 100 200 300 500, of a table that spans 0 to 500.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0.2, 0.4], [0.6, 1.0]], atol=1e-6)
