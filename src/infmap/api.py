"""The Python surface: load a model, hand it a film."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infmap.core import types
from infmap.core.errors import ModelError, UsageError
from infmap.core.types import Radiograph
from infmap.inference import Predictor

if TYPE_CHECKING:
    import numpy as np
    from highdicom.seg import Segmentation
    from highdicom.sr import ComprehensiveSR
    from numpy.typing import NDArray
    from PIL import Image
    from pydicom.dataset import Dataset

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

    def to_dicom_seg(
        self, source: str | Path | Dataset, *, kind: Literal["binary", "fractional"] = "binary"
    ) -> Segmentation:
        """Lungs and infected region as a DICOM Segmentation in the film's stored grid.

        Args:
            source: the DICOM film that was judged: its path or dataset.
            kind: "binary", or "fractional" for the infection probability.

        Returns:
            The object, ready for ``save_as``.

        Raises:
            MissingExtra: highdicom is not installed.
            UsageError: the source is no DICOM file, or another film than was judged.
            UnreadableFilm: the film's header lacks what a reference needs, or is damaged.
        """
        from infmap.dicom import infection_seg

        return infection_seg(
            self._film(source),
            self.lungs,
            self.infected,
            self.infection,
            model=self.model,
            kind=kind,
        )

    def to_dicom_sr(
        self, source: str | Path | Dataset, *, segmentation: Segmentation | None = None
    ) -> ComprehensiveSR:
        """Severity and detection as a DICOM Comprehensive SR, template TID 1500.

        Args:
            source: the DICOM film that was judged: its path or dataset.
            segmentation: of ``to_dicom_seg``, to be referred to.

        Returns:
            The object, ready for ``save_as``.

        Raises:
            MissingExtra: highdicom is not installed.
            UsageError: the source is no DICOM file, or another film than was judged.
            UnreadableFilm: the film's header lacks what a reference needs, or is damaged.
        """
        from infmap.dicom import severity_report

        return severity_report(self._film(source), self, segmentation=segmentation)

    def _film(self, source: str | Path | Dataset) -> Dataset:
        """The source's dataset, if it is the film that was judged."""
        from infmap.dicom import check_extra, read_radiograph, read_source

        check_extra()
        film = read_radiograph(source)
        same = film.sha256 == self.radiograph.sha256 or (
            film.shape == self.radiograph.shape
            and bool((film.pixels == self.radiograph.pixels).all())
        )
        if not same:
            raise UsageError(
                f"expected the film that was judged, {self.radiograph.source}, got another one; "
                "give its DICOM file"
            )
        if not isinstance(source, (str, Path)):
            return source
        dataset = read_source(source)
        if dataset is None:
            raise UsageError(f"{source}: expected a DICOM film, got another kind of file")
        return dataset


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
    parallel: int = 1,
) -> Model:
    """Load a model.

    Args:
        model: a model folder, the name of a shipped model, or None for the shipped default.
        runtime: "openvino" or "onnxruntime".
        device: "auto", "cpu", "gpu", or a device name of the runtime.
        threshold: infection threshold instead of the model's, in (0, 1).
        parallel: films that several threads will judge at once; 1 gives each film all cores.

    Raises:
        ModelError: there is no such model, or it is damaged.
        UsageError: no such runtime or device.
    """
    return Model(
        Predictor(
            model_folder(model),
            runtime=runtime,
            device=device,
            threshold=threshold,
            parallel=parallel,
        )
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
