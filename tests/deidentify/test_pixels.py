from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEGLSLossless, RLELossless

from infmap.core.errors import RejectedFilm
from infmap.deidentify.boxes import Box
from infmap.deidentify.pixels import blank, levels, read_pixels, shown
from infmap.deidentify.text import locate

sys.path.insert(0, str(Path(__file__).parent))
from hospital import labelled, read, saved  # noqa: E402

BOX = Box(20, 10, 50, 30)


def painted(dataset: Dataset) -> Dataset:
    blank(dataset, read_pixels(dataset), [BOX])
    return read(saved(dataset))


def check(before: np.ndarray, after: np.ndarray, level: int) -> None:
    """The box has one level; all else is as it was."""
    assert (after[BOX.slices] == level).all()
    expected = before.copy()
    expected[BOX.slices] = level
    assert (after == expected).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_plain_pixels_turn_dark_in_the_box_alone(photometric: str) -> None:
    dataset = labelled(100, PhotometricInterpretation=photometric)
    before = dataset.pixel_array.copy()
    level = before.max() if photometric == "MONOCHROME1" else before.min()
    check(before, painted(dataset).pixel_array, int(level))


def test_bits_beside_the_sample_stay() -> None:
    dataset = labelled(100, BitsStored=12, HighBit=11)
    words = (np.frombuffer(dataset.PixelData, "<u2") >> 4) | 0x8000
    dataset.PixelData = words.astype("<u2").tobytes()
    after = np.frombuffer(painted(dataset).PixelData, "<u2").reshape(100, 100)
    outside = np.ones((100, 100), bool)
    outside[BOX.slices] = False
    assert (after[outside] == words.reshape(100, 100)[outside]).all()
    assert len(set(after[BOX.slices].flat)) == 1


def test_big_endian() -> None:
    dataset = labelled(100)
    before = dataset.pixel_array.copy()
    dataset.PixelData = before.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    blank(dataset, read_pixels(dataset), [BOX])
    after = np.frombuffer(dataset.PixelData, ">u2").reshape(100, 100)
    check(before, after, int(before.min()))


def test_signed() -> None:
    dataset = labelled(100, PixelRepresentation=1)
    before = dataset.pixel_array.copy()
    assert before.min() < 0
    check(before, painted(dataset).pixel_array, int(before.min()))


@pytest.mark.parametrize("planar", [0, 1])
def test_colours(planar: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(9, 255, (60, 80, 3), np.uint8)
    dataset = labelled(100, BitsAllocated=8, BitsStored=8, HighBit=7)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 60, 80, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", planar
    dataset.PixelData = (np.moveaxis(values, 2, 0) if planar else values).tobytes()
    check(values, painted(dataset).pixel_array, int(values.min()))


@pytest.mark.parametrize(
    ("syntax", "stored"),
    [
        (RLELossless, RLELossless),
        (JPEGLSLossless, JPEGLSLossless),
        ("1.2.840.10008.1.2.4.90", JPEGLSLossless),
        ("1.2.840.10008.1.2.4.70", JPEGLSLossless),
    ],
)
@pytest.mark.parametrize("signed", [0, 1])
def test_compressed_pixels_are_stored_again_without_loss(
    syntax: str, stored: str, signed: int
) -> None:
    import imagecodecs
    from pydicom.encaps import encapsulate

    dataset = labelled(100, PixelRepresentation=signed)
    before = dataset.pixel_array.copy()
    plain = before.view(np.uint16)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        coded = {
            "80": lambda: imagecodecs.jpegls_encode(plain),
            "90": lambda: imagecodecs.jpeg2k_encode(before, level=0, codecformat="j2k"),
            "70": lambda: imagecodecs.ljpeg_encode(plain),
        }[syntax[-2:]]()
        dataset.PixelData = encapsulate([bytes(coded)])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = syntax
    made = painted(dataset)
    assert made.file_meta.TransferSyntaxUID == stored
    pixels = read_pixels(made).values
    check(before, pixels, int(before.min()))


def test_pydicom_reads_what_was_stored_again() -> None:
    dataset = labelled(100)
    before = dataset.pixel_array.copy()
    dataset.compress(RLELossless, generate_instance_uid=False)
    check(before, pydicom.pixel_array(painted(dataset)), int(before.min()))


def test_nothing_is_touched_without_boxes() -> None:
    dataset = labelled(100)
    before = dataset.PixelData
    blank(dataset, read_pixels(dataset), [])
    assert dataset.PixelData is before


def test_a_series_is_refused() -> None:
    dataset = labelled(100, NumberOfFrames=2)
    with pytest.raises(RejectedFilm, match="series of frames"):
        read_pixels(dataset)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_levels_are_all_there_and_from_zero(photometric: str) -> None:
    dataset = labelled(100, PhotometricInterpretation=photometric, PixelRepresentation=1)
    found, bits = levels(read_pixels(dataset))
    values = dataset.pixel_array.astype(int)
    expected = values.max() - values if photometric == "MONOCHROME1" else values - values.min()
    assert (found == expected).all() and bits == int(expected.max()).bit_length()


def test_shown_has_the_whole_range_and_dark_air() -> None:
    two = shown(read_pixels(labelled(100)))
    one = shown(read_pixels(labelled(100, PhotometricInterpretation="MONOCHROME1")))
    assert two.dtype == np.uint8 and two.min() == 0 and two.max() == 255
    assert (one == 255 - two).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [0, 1])
def test_text_is_found_beside_a_pixel_at_the_end_of_16_bits(signed: int, photometric: str) -> None:
    dataset = labelled(400, PixelRepresentation=signed, PhotometricInterpretation=photometric)
    dataset.WindowCenter, dataset.WindowWidth = -500, 1  # of nothing that is on the film
    plane = dataset.pixel_array.view(np.uint16) // 30  # 12 bits and the text's 16 alike
    plane[300, 300] = 32767
    dataset.PixelData = plane.astype("<u2").tobytes()
    grey = shown(read_pixels(dataset))
    (box,) = locate(grey)
    assert box.y < 60 < box.x + box.width and not box.slices[0].stop > 80
    assert grey.min() == 0 and grey.max() == 255
