"""Good films with odd headers: every optional attribute absent, empty or wrong."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.core.types import Radiograph
from infmap.dicom import read_radiograph, write_dx
from infmap.phantom import render

BITS = 12


@cache
def deep() -> np.ndarray:
    """uint16, 0 to 4095, a phantom."""
    pixels = render(3, size=128, opacities=1).pixels
    low, high = float(pixels.min()), float(pixels.max())
    return np.rint((pixels - low) / (high - low) * 4095).astype(np.uint16)


def film(**changes: Any) -> Dataset:
    """A 12-bit film; changes set elements, None deletes them."""
    stream = io.BytesIO()
    write_dx(stream, deep(), spacing_mm=(0.2, 0.2), patient_id="p")
    d = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    d.BitsStored, d.HighBit, d.WindowCenter, d.WindowWidth = BITS, BITS - 1, 2048, 4096
    for name, value in changes.items():
        if value is None:
            del d[name]
        else:
            setattr(d, name, value)
    return d


def saved(d: Dataset, implicit: bool = False) -> bytes:
    stream = io.BytesIO()
    if implicit:
        d.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    pydicom.dcmwrite(stream, d, implicit_vr=implicit, little_endian=True)
    return stream.getvalue()


def raw(d: Dataset, keyword: str, vr: str, value: bytes) -> bytes:
    """The file with one element's bytes as they are, whatever its representation allows."""
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    if keyword in d:
        del d[keyword]
    d.add_new(tag, "UN" if vr == "UN" else "LO", "x" * (len(value) + len(value) % 2))
    data = saved(d)
    head = tag.to_bytes(4, "big")
    head = head[1::-1] + head[3:1:-1]
    at = data.index(head + (b"LO"))
    padded = value + b" " * (len(value) % 2)
    return (
        data[: at + 4] + vr.encode() + data[at + 6 : at + 8] + padded + data[at + 8 + len(padded) :]
    )


def alike(radiograph: Radiograph) -> float:
    return float(np.corrcoef(radiograph.pixels.ravel(), deep().ravel())[0, 1])


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "words"),
    [
        ("WindowCenter", "DS", b"2048,0", "decimal comma"),
        ("WindowCenter", "DS", b"\\2048", "not a pair"),
        ("WindowCenter", "DS", b"auto", "window"),
        ("WindowWidth", "DS", b"0", "width 0"),
        ("WindowWidth", "DS", b"-5", "width -5"),
        ("WindowWidth", "DS", b"nan", "window"),
        ("WindowWidth", "DS", b"10", "hides"),
        ("WindowWidth", "DS", b"65536", "hides"),
        ("RescaleSlope", "DS", b"", "empty"),
        ("RescaleSlope", "DS", b"0", "RescaleSlope is 0"),
        ("RescaleIntercept", "DS", b"none", "not a number"),
        ("NumberOfFrames", "IS", b"NA", "NumberOfFrames"),
        ("NumberOfFrames", "IS", b"1.0", ""),
        ("PixelRepresentation", "US", b"\x07\x00", "unsigned"),
        ("SamplesPerPixel", "US", b"\x00\x00", "SamplesPerPixel"),
        ("BitsStored", "US", b"\x28\x00", "BitsStored"),
        ("HighBit", "US", b"\x63\x00", ""),
        ("PlanarConfiguration", "US", b"\x09\x00", ""),
        ("ImagerPixelSpacing", "DS", b"wide", ""),
        ("PixelPaddingValue", "US", b"", ""),
        ("PatientOrientation", "CS", b"L", ""),
        ("VOILUTFunction", "CS", b"CUBIC", ""),
    ],
)
def test_one_odd_element_costs_a_warning_at_most(
    keyword: str, vr: str, value: bytes, words: str
) -> None:
    found = read_radiograph(raw(film(), keyword, vr, value))
    assert alike(found) > 0.99
    assert words in " ".join(found.warnings)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    "missing",
    [
        ("BitsStored",),
        ("HighBit",),
        ("PixelRepresentation",),
        ("SamplesPerPixel",),
        ("BitsAllocated",),
        ("SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
        ("RescaleSlope", "RescaleIntercept"),
        ("Modality", "PatientOrientation", "ViewPosition"),
    ],
)
def test_optional_elements_may_be_absent(missing: tuple[str, ...], implicit: bool) -> None:
    found = read_radiograph(saved(film(**dict.fromkeys(missing)), implicit))
    assert alike(found) > 0.999


@pytest.mark.parametrize("needed", ["Rows", "Columns", "PhotometricInterpretation"])
def test_what_nothing_else_tells_is_named(needed: str) -> None:
    with pytest.raises(UnreadableFilm, match=needed):
        read_radiograph(saved(film(**{needed: None})))


def table(first: int, entries: np.ndarray, bits: int, vr: str, data_vr: str) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(entries) % 65536, first, bits])
    words = np.asarray(entries, np.uint16)
    if data_vr == "bytes":
        item.add_new("LUTData", "OW", words.astype(np.uint8).tobytes())
    elif data_vr == "OW":
        item.add_new("LUTData", "OW", words.tobytes())
    else:
        numbers = words.astype(np.int16) if data_vr == "SS" else words
        item.add_new("LUTData", data_vr, [int(v) for v in numbers])
    return item


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("bits", "data_vr"),
    [(8, "US"), (8, "OW"), (8, "bytes"), (10, "US"), (12, "OW"), (16, "US"), (16, "SS")],
)
@pytest.mark.parametrize("intercept", [0, -2048])
@pytest.mark.parametrize("falling", [False, True])
def test_voi_luts_of_every_shape(
    implicit: bool, bits: int, data_vr: str, intercept: int, falling: bool
) -> None:
    entries = np.linspace(0, (1 << bits) - 1, 4096)
    item = table(intercept, entries[::-1] if falling else entries, bits,
                 "SS" if intercept else "US", data_vr)  # fmt: skip
    d = film(WindowCenter=None, WindowWidth=None, RescaleIntercept=intercept)
    d.VOILUTSequence = [item]
    found = read_radiograph(saved(d, implicit))
    assert found.warnings == ()
    assert alike(found) * (-1 if falling else 1) > 0.999


def test_a_lut_of_65536_entries_is_described_by_zero() -> None:
    d = film(WindowCenter=None, WindowWidth=None, BitsStored=16, HighBit=15)
    d.PixelData = (deep() * 16).astype(np.uint16).tobytes()
    d.VOILUTSequence = [table(0, np.arange(65536), 16, "US", "OW")]
    assert alike(read_radiograph(saved(d))) > 0.999


def without_data(d: Dataset) -> None:
    item = Dataset()
    item.LUTExplanation = "broken"
    d.VOILUTSequence = [item]


def short(d: Dataset) -> None:
    item = table(0, np.arange(4000), 12, "US", "US")
    item.LUTDescriptor = [4096, 0, 12]
    d.VOILUTSequence = [item]


def of_256(d: Dataset) -> None:
    d.VOILUTSequence = [table(0, np.arange(256), 8, "US", "US")]


def constant(d: Dataset) -> None:
    d.VOILUTSequence = [table(0, np.full(4096, 7), 8, "US", "US")]


def modality_without_data(d: Dataset) -> None:
    item = Dataset()
    item.ModalityLUTType = "US"
    d.ModalityLUTSequence = [item]


@pytest.mark.parametrize("spoil", [without_data, short, of_256, constant, modality_without_data])
def test_a_broken_lut_gives_way_to_the_window(spoil: Callable[[Dataset], None]) -> None:
    d = film()
    spoil(d)
    found = read_radiograph(saved(d))
    np.testing.assert_allclose(found.pixels, deep() / 4095, atol=1e-3)
    assert not any("percentiles" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("center", "width"), [(128, 256), (512, 1024), (1024, 100), (32768, 65536), (60, 1)]
)
def test_a_window_of_another_film_gives_way_with_a_warning(center: float, width: float) -> None:
    found = read_radiograph(saved(film(WindowCenter=center, WindowWidth=width)))
    assert alike(found) > 0.99 and any("percentiles" in w for w in found.warnings)


def test_the_first_window_that_shows_the_film_is_taken() -> None:
    found = read_radiograph(saved(film(WindowCenter=[60, 2048], WindowWidth=[1, 4096])))
    np.testing.assert_allclose(found.pixels, deep() / 4095, atol=1e-3)


@pytest.mark.parametrize("foreign", [0x8000, 0x4000, 0xF000])
def test_bits_above_those_stored_are_left_out(foreign: int) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 65536, deep().shape, dtype=np.uint16) & np.uint16(foreign)
    found = read_radiograph(saved(film(PixelData=(deep() | noise).tobytes())))
    np.testing.assert_allclose(found.pixels, deep() / 4095, atol=1e-3)


def test_a_high_bit_that_is_wrong_moves_nothing() -> None:
    found = read_radiograph(saved(film(HighBit=15)))
    np.testing.assert_allclose(found.pixels, deep() / 4095, atol=1e-3)


def test_bits_stored_that_are_too_few_are_not_believed() -> None:
    d = film(BitsStored=8, HighBit=7, WindowCenter=None, WindowWidth=None)
    found = read_radiograph(saved(d))
    assert alike(found) > 0.99 and any("12 bits" in w for w in found.warnings)


def test_palettes_of_8_bits_come_in_16() -> None:
    for scale in (1, 256, 257):
        d = film(
            BitsAllocated=8, BitsStored=8, HighBit=7, PhotometricInterpretation="PALETTE COLOR"
        )
        d.PixelData = (deep() >> 4).astype(np.uint8).tobytes()
        for colour in ("Red", "Green", "Blue"):
            entries = (np.arange(256) * scale).astype(np.uint16)
            d.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
            d.add_new(f"{colour}PaletteColorLookupTableData", "OW", entries.tobytes())
        assert alike(read_radiograph(saved(d))) > 0.99


def test_raw_detector_values_are_refused_by_their_name() -> None:
    with pytest.raises(RejectedFilm, match="FOR PROCESSING"):
        read_radiograph(saved(film(PresentationIntentType="FOR PROCESSING")))


def test_damaged_streams_are_never_judged() -> None:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "film_encodings.py"
    spec = importlib.util.spec_from_file_location("film_encodings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = module.encodings((deep() / 4095).astype(np.float32))
    for name in ("jpeg", "jpeg-12", "jpeg-lossless", "dicom-jpeg-baseline", "dicom-jpeg-ls",
                 "dicom-jpeg-extended-12", "dicom-jpeg-lossless"):  # fmt: skip
        data = bytearray(files[name])
        half = len(data) // 2
        data[half : half + 300] = b"\x55" * 300
        for damaged in (bytes(data), files[name][: len(data) * 2 // 3] + b"\xff\xd9"):
            with pytest.raises(UnreadableFilm, match="damaged|truncated"):
                read_radiograph(damaged)


def test_floating_point_pixels_are_named() -> None:
    d = film(PixelData=None)
    d.FloatPixelData = deep().astype("<f4").tobytes()
    with pytest.raises(UnreadableFilm, match="got floating-point ones"):
        read_radiograph(saved(d))
