"""The files of one film of a run: its planes, and what is removed with it."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from infmap.core.types import Prediction
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.ids import check_id
from infmap.report.overlay import UInt8Image, to_bytes

PLANES = ("maps", "masks", "lungs", "opacity")
"""Folders of the planes that every assessed film has."""
OBJECTS = ("seg", "fractional", "sr", "sc", "gsps", "pdf", "film")
"""Folders of a film's DICOM objects; "film" is the film itself where it came as a picture."""
FILES = (
    *((folder, "png") for folder in (*PLANES, "doubt")),
    *((folder, "dcm") for folder in OBJECTS),
    ("fhir", "json"),
)
"""Folder and ending of every file that a film may have."""


def write_planes(prediction: Prediction, film_id: str, out: Path) -> dict[str, Path]:
    """Write the planes of a film as grey 8-bit PNG files in the film's pixel grid.

    Args:
        prediction: what the system says of the film.
        film_id: name of the files, see ``film_ids``.
        out: the run's folder; ``maps`` and ``opacity`` (0 to 255 is probability 0 to 1), ``masks``
            and ``lungs`` (0 or 255) are made in it.

    Returns:
        Folder name to file.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
        ValueError: the id is not fit for a file name.
    """
    check_id(film_id)
    planes: dict[str, UInt8Image] = {
        "maps": to_bytes(prediction.infection),
        "masks": prediction.infected.astype(np.uint8) * np.uint8(255),
        "lungs": prediction.lungs.astype(np.uint8) * np.uint8(255),
        "opacity": to_bytes(prediction.opacity),
    }
    if prediction.doubt is not None:
        planes["doubt"] = to_bytes(prediction.doubt)
    written = {}
    for folder, plane in planes.items():
        picture = Image.fromarray(plane)

        def save(f: IO[bytes], picture: Image.Image = picture) -> None:
            # Level 1: a run writes four planes a film, so time counts more than bytes.
            picture.save(f, format="PNG", compress_level=1)

        written[folder] = write_atomically(make_folder(out / folder) / f"{film_id}.png", save)
    return written


def remove_film(out: Path, film_id: str) -> None:
    """Remove the planes and DICOM objects of a film that is in the table no more.

    Args:
        out: the run's folder.
        film_id: of the film.

    Raises:
        UsageError: a file cannot be removed.
        ValueError: the id is not fit for a file name.
    """
    check_id(film_id)
    for folder, ending in FILES:
        path = out / folder / f"{film_id}.{ending}"
        with writing(path):
            path.unlink(missing_ok=True)
