"""Tests of `infmap.dicom.codestream`."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from infmap.dicom import codestream

PLANE = np.add.outer(np.arange(24), np.arange(40)).astype(np.uint8)


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PLANE).save(stream, "JPEG", **options)
    return stream.getvalue()


STREAMS = {
    codestream.JPEG: jpeg(),
    codestream.JPEG_LS: imagecodecs.jpegls_encode(PLANE),
    codestream.JPEG_2000: imagecodecs.jpeg2k_encode(PLANE, level=0, codecformat="j2k"),
    codestream.JPEG_XL: imagecodecs.jpegxl_encode(PLANE),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_tells_its_compression(kind: str) -> None:
    assert codestream.kind_of(STREAMS[kind]) == kind


def test_other_bytes_are_of_no_known_compression() -> None:
    assert codestream.kind_of(b"") is None
    assert codestream.kind_of(b"\x89PNG\r\n\x1a\n") is None
    assert codestream.size_of(b"II*\0") is None


@pytest.mark.parametrize("kind", [codestream.JPEG, codestream.JPEG_LS, codestream.JPEG_2000])
def test_rows_and_columns_are_read_without_decoding(kind: str) -> None:
    assert codestream.size_of(STREAMS[kind]) == (24, 40)


@pytest.mark.parametrize(("progressive", "process"), [(False, 0xC0), (True, 0xC2)])
def test_a_frame_header_names_the_process(progressive: bool, process: int) -> None:
    frame = codestream.jpeg_frame(jpeg(progressive=progressive))
    assert frame is not None
    assert (frame.process, frame.precision, frame.components) == (process, 8, 1)
    assert frame.scan is not None and frame.scan > frame.at


def test_fill_bytes_and_restarts_before_the_frame_are_passed_over() -> None:
    data = jpeg()
    odd = data[:2] + b"\xff\xff\x01\xff\xd0" + data[2:]
    assert codestream.size_of(odd) == (24, 40)


@pytest.mark.parametrize("kept", [2, 8, 20])
def test_a_stream_that_stops_before_its_frame_has_none(kept: int) -> None:
    assert codestream.jpeg_frame(jpeg()[:kept]) is None


def test_a_jpeg_2000_stream_states_depth_and_sign() -> None:
    wide = imagecodecs.jpeg2k_encode(PLANE.astype(np.uint16), level=0, codecformat="j2k")
    siz = codestream.siz_of(wide)
    assert siz is not None
    assert siz[:2] == (24, 40)
    assert (siz[2], siz[3]) == (16, False)
    assert codestream.siz_of(wide[:20]) is None
