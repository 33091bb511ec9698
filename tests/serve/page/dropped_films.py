"""Files of the tests: phantom films of several kinds, and such as are none."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.phantom import render

SIDE = 256


@cache
def picture(seed: int, opacities: int = 3, kind: str = "PNG", side: int = SIDE) -> bytes:
    """A phantom film as a picture file."""
    pixels = render(seed, size=side, opacities=opacities).pixels
    stream = io.BytesIO()
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def noise(seed: int) -> bytes:
    """A picture that is no chest film."""
    pixels = np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Files by name, in the order given."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return [folder / name for name in files]
