"""Masks that readers drew, as DICOM Segmentation objects."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.core.errors import UsageError
from infmap.dicom.drawn_seg import DrawnRegion, drawn_seg
from infmap.dicom.orient import as_stored

sys.path.insert(0, str(Path(__file__).parent))
from films import dx  # noqa: E402

hd = pytest.importorskip("highdicom")

ROWS, COLUMNS = 50, 70
GRID = np.random.default_rng(0).integers(0, 65535, (ROWS, COLUMNS), dtype=np.uint16)


def regions(shape: tuple[int, int] = (ROWS, COLUMNS)) -> list[DrawnRegion]:
    planes = [np.zeros(shape, bool) for _ in range(3)]
    planes[0][10:20, 5:30] = planes[1][5:45, 5:60] = True
    return [
        DrawnRegion("infection", planes[0]),
        DrawnRegion("lungs", planes[1], lungs=True),
        DrawnRegion("pleural effusion", planes[2], pleural=True),
    ]


def made(**changes: object):
    return drawn_seg(
        dx(GRID, "p7", "MONOCHROME2", **changes),
        regions(),
        sha256="ab",
        origin="hand",
        by_hand=True,
    )


def test_every_region_is_a_segment_with_a_frame_of_the_films_grid() -> None:
    stream = io.BytesIO()
    made().save_as(stream)
    stream.seek(0)
    seg = hd.seg.segread(stream)
    assert [seg.get_segment_description(n).segment_label for n in (1, 2, 3)] == [
        "infection",
        "lungs",
        "pleural effusion",
    ]
    source = dx(GRID, "p7", "MONOCHROME2")
    assert seg.pixel_array.shape == (3, ROWS, COLUMNS)
    for frame, region in zip(seg.pixel_array, regions(), strict=True):
        np.testing.assert_array_equal(frame, as_stored(region.plane.astype(np.uint8), source))
    effusion = seg.get_segment_description(3)
    assert effusion.segmented_property_type.value == "60046008"


def test_a_network_that_had_a_part_is_said() -> None:
    source = dx(GRID, "p7", "MONOCHROME2")
    hand = made().SegmentSequence[0]
    assert hand.SegmentAlgorithmType == "MANUAL"
    both = drawn_seg(
        source, regions(), sha256="ab", origin="edited from a@1", by_hand=False
    ).SegmentSequence[0]
    assert both.SegmentAlgorithmType == "SEMIAUTOMATIC"
    said = both.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    assert "edited from a@1" in str(said)


def test_the_same_masks_give_the_same_bytes() -> None:
    streams = [io.BytesIO(), io.BytesIO()]
    for stream in streams:
        made().save_as(stream)
    assert streams[0].getvalue() == streams[1].getvalue()


def test_a_mask_of_another_film_is_refused() -> None:
    source = dx(GRID, "p7", "MONOCHROME2")
    with pytest.raises(UsageError, match="expected planes of the film's 50 x 70"):
        drawn_seg(source, regions((20, 30)), sha256="ab", origin="hand", by_hand=True)
    with pytest.raises(UsageError, match="one region or more"):
        drawn_seg(source, [], sha256="ab", origin="hand", by_hand=True)
