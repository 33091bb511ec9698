"""Tests of `infmap.dicom.codecs`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from infmap.core.errors import UnreadableFilm
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, PLANE, X, Y, dx, saved  # noqa: E402


def encapsulated(dataset: Dataset, frame: bytes, syntax: str) -> bytes:
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


@pytest.mark.parametrize(
    ("codec", "options", "syntax"),
    [
        ("ljpeg", {}, "1.2.840.10008.1.2.4.57"),
        ("jpegls", {}, "1.2.840.10008.1.2.4.80"),
        ("jpeg2k", {"codecformat": "J2K", "reversible": True}, "1.2.840.10008.1.2.4.90"),
    ],
)
def test_lossless_compressions(codec: str, options: dict[str, Any], syntax: str) -> None:
    import imagecodecs as codecs

    frame = bytes(getattr(codecs, f"{codec}_encode")(PLANE, **options))
    film = read_radiograph(encapsulated(dx(), frame, syntax))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)


def test_jpeg_baseline() -> None:
    small = (X * 3 + Y).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).save(stream, "JPEG", quality=98)
    dataset = dx(BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter=128, WindowWidth=256)
    film = read_radiograph(encapsulated(dataset, stream.getvalue(), "1.2.840.10008.1.2.4.50"))
    assert np.abs(film.pixels - small / 255).max() < 0.03


def test_a_missing_decoder_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from infmap.dicom import decoder_pool
    from infmap.dicom.codecs import Job
    from infmap.dicom.decoder_process import answer

    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    frame = bytes.fromhex("ff4fff51002f") + bytes(36)
    reply, _ = answer({"job": Job("JPEG 2000", 100)}, bytearray(frame))
    monkeypatch.setattr(decoder_pool.POOL, "ask", lambda *_: ({**reply, "chatter": ""}, b""))
    with pytest.raises(UnreadableFilm, match="pip install imagecodecs"):
        read_radiograph(encapsulated(dx(), frame, "1.2.840.10008.1.2.4.90"))
