"""What is known of a film that was not judged goes with its error."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_rejected_film_keeps_its_checksum_pixels_and_figures() -> None:
    data = png(np.full((300, 260), 90, np.uint8))
    with pytest.raises(RejectedFilm) as caught:
        infmap.load().predict(data)
    error = caught.value
    assert error.sha256 == hashlib.sha256(data).hexdigest()
    assert error.radiograph is not None and error.radiograph.shape == (300, 260)
    assert error.quality and all(isinstance(name, str) for name in error.quality)


@pytest.mark.parametrize(
    "data",
    [b"no film at all", png(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))[:900]],
    ids=["another kind", "truncated"],
)
def test_a_failed_film_keeps_the_checksum_of_what_could_be_read(tmp_path, data: bytes) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(data)
    with pytest.raises(UnreadableFilm) as caught:
        read_radiograph(path)
    assert caught.value.sha256 == hashlib.sha256(data).hexdigest()
    assert caught.value.film == str(path)
    with pytest.raises(UnreadableFilm) as caught:
        read_radiograph(tmp_path / "missing.png")
    assert caught.value.sha256 is None
