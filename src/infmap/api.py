"""The Python surface: load a model, hand it a film."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infmap.core import types
from infmap.core.errors import ModelError
from infmap.core.types import Radiograph
from infmap.inference import Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

DEFAULT_MODEL = "infmap-lite0"
WEIGHTS = Path(__file__).parent / "weights"


class Prediction(types.Prediction):
    """What the system says of one film; see ``infmap.core.types.Prediction``."""

    def overlay(self, *, opacity: float = 0.45, contours: bool = True) -> Image.Image:
        """The film with the infection map over it, lungs and infected regions outlined.

        Args:
            opacity: of the infection map's colours, 0 to 1.
            contours: draw the outlines.

        Returns:
            An RGB picture in film pixels.
        """
        from infmap.report import overlay

        return overlay(self, opacity=opacity, contours=contours)


class Model:
    """A loaded model. One may be shared between threads.

    Args:
        predictor: the model folder, opened.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @property
    def name(self) -> str:
        """name@version."""
        return self.predictor.manifest.label

    def predict(
        self, film: str | Path | bytes | NDArray[np.generic] | Radiograph | Any
    ) -> Prediction:
        """Judge one film.

        Args:
            film: a path, the bytes of a file, a pydicom ``Dataset``, a ``Radiograph``, or an
                array (H, W), (row, column), integers over their full range or floats in [0, 1],
                air dark.

        Raises:
            UnreadableFilm: it cannot be decoded.
            RejectedFilm: it is not a frontal chest film fit to be judged.
        """
        from infmap.dicom import read_radiograph

        start = time.perf_counter()
        radiograph = film if isinstance(film, Radiograph) else read_radiograph(film)
        result = self.predictor.predict(radiograph)
        values = {f.name: getattr(result, f.name) for f in fields(result)}
        return replace(Prediction(**values), seconds=time.perf_counter() - start)


def load(
    model: str | Path | None = None,
    *,
    runtime: str = "openvino",
    device: str = "auto",
    threshold: float | None = None,
) -> Model:
    """Load a model.

    Args:
        model: a model folder, the name of a shipped model, or None for the shipped default.
        runtime: "openvino" or "onnxruntime".
        device: "auto", "cpu", "gpu", or a device name of the runtime.
        threshold: infection threshold instead of the model's, in (0, 1).

    Raises:
        ModelError: there is no such model, or it is damaged.
        UsageError: no such runtime or device.
    """
    return Model(
        Predictor(model_folder(model), runtime=runtime, device=device, threshold=threshold)
    )


def model_folder(model: str | Path | None = None) -> Path:
    """Folder of a model given by path or by the name of a shipped one."""
    if model is None:
        return WEIGHTS / DEFAULT_MODEL
    if Path(model).is_dir():
        return Path(model)
    if (WEIGHTS / str(model)).is_dir() and "/" not in str(model):
        return WEIGHTS / str(model)
    shipped = ", ".join(sorted(p.name for p in WEIGHTS.iterdir() if p.is_dir()))
    raise ModelError(f"{model}: no such model folder; shipped models: {shipped}")
