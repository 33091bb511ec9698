"""The Python surface: load a model, hand it a film."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from dataclasses import fields, replace
from datetime import datetime
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from infmap.core import types
from infmap.core.errors import FilmError, ModelError, UsageError
from infmap.core.types import Radiograph
from infmap.inference import RUNTIMES, Predictor, predict_many

if TYPE_CHECKING:
    import numpy as np
    from highdicom.seg import Segmentation
    from highdicom.sr import ComprehensiveSR
    from numpy.typing import NDArray
    from PIL import Image
    from pydicom.dataset import Dataset

    from infmap.report.dicom import Kind
    from infmap.report.overlay import Layer

Film = TypeVar("Film")
DEFAULT_MODEL = "infmap-lite0"
WEIGHTS = Path(__file__).parent / "weights"


class Prediction(types.Prediction):
    """What the system says of one film; see ``infmap.core.types.Prediction``."""

    def overlay(
        self, *, layer: Layer = "infection", opacity: float = 0.45, contours: bool = True
    ) -> Image.Image:
        """The film with a map over it; lungs, infected region and opacity outlined.

        Args:
            layer: "infection" (COVID-19; orange), "opacity" (of any cause; blue), or "doubt"
                (green; of ``predict(..., doubt=True)``).
            opacity: strength of the map's colours, 0 to 1.
            contours: draw the outlines: lungs thin, infected region solid, opacity dashed.

        Returns:
            An RGB picture in film pixels, with a banner that names the map and the grade.

        Raises:
            ValueError: no such layer, or a strength outside [0, 1].
        """
        from infmap.report import overlay

        return overlay(self, layer=layer, opacity=opacity, contours=contours)

    def to_dicom_seg(
        self, source: str | Path | Dataset, *, kind: Literal["binary", "fractional"] = "binary"
    ) -> Segmentation:
        """Lungs, infected region and opacity as a DICOM Segmentation in the film's stored grid.

        Elements of the film's header that break the standard are repaired or left out, with a
        ``UserWarning``.

        Args:
            source: the DICOM film that was read: its path or dataset.
            kind: "binary", or "fractional" for probabilities of infection and opacity.

        Returns:
            The object, ready for ``save_as``. The same content has the same UIDs.

        Raises:
            MissingExtra: highdicom is not installed.
            UsageError: the source is no DICOM file, or another film than was read.
            UnreadableFilm: the film's header is damaged.
        """
        from infmap.dicom import infection_seg

        return infection_seg(self._film(source), self, kind=kind)

    def to_dicom_sr(
        self, source: str | Path | Dataset, *, segmentation: Segmentation | None = None
    ) -> ComprehensiveSR:
        """Opacity, severity and COVID-19 as a DICOM Comprehensive SR, template TID 1500.

        Elements of the film's header that break the standard are repaired or left out, with a
        ``UserWarning``.

        Args:
            source: the DICOM film that was read: its path or dataset.
            segmentation: of ``to_dicom_seg``, to be referred to.

        Returns:
            The object, ready for ``save_as``. The same content has the same UIDs.

        Raises:
            MissingExtra: highdicom is not installed.
            UsageError: the source is no DICOM file, or another film than was read.
            UnreadableFilm: the film's header is damaged.
        """
        from infmap.dicom import severity_report

        return severity_report(self._film(source), self, segmentation=segmentation)

    def to_dicom(
        self,
        source: str | Path | Dataset | None = None,
        kinds: Collection[Kind] = ("seg", "sr", "sc", "gsps", "pdf"),
        *,
        when: datetime | None = None,
    ) -> dict[str, Dataset]:
        """DICOM objects of the film by kind.

        Elements of the film's header that break the standard are repaired or left out, with a
        ``UserWarning``.

        Args:
            source: the DICOM film that was read: its path or dataset. None for a film that is no
                DICOM file: "film" in the answer is one made of it, which the others refer to.
            kinds: of "seg" (regions), "fractional" (probabilities), "sr" (report), "sc" (picture),
                "gsps" (contours), "pdf" (page). A colour film has no "gsps".
            when: date and time of the content; the film's without it.

        Returns:
            Kind to object, ready for ``save_as``. The same content has the same UIDs and bytes.

        Raises:
            MissingExtra: highdicom or reportlab is not installed.
            UsageError: the source is no DICOM file, or another film than was read.
            UnreadableFilm: the film's header is damaged.
        """
        from infmap.dicom import check_extra, film_of_picture
        from infmap.report.dicom import dicom_objects

        check_extra()
        film = film_of_picture(self.radiograph) if source is None else self._film(source)
        made: dict[str, Dataset] = {"film": film} if source is None else {}
        made.update(dicom_objects(film, self, kinds, when=when).items())
        return made

    def _film(self, source: str | Path | Dataset) -> Dataset:
        """The source's dataset, if it is the film that was read."""
        from infmap.dicom import check_extra, header_notes, read_radiograph, read_source

        check_extra()
        film = read_radiograph(source)
        same = film.sha256 == self.radiograph.sha256 or (
            film.shape == self.radiograph.shape
            and bool((film.pixels == self.radiograph.pixels).all())
        )
        if not same:
            raise UsageError(
                f"expected the film that was read, {self.radiograph.source}, got another one; "
                "give its DICOM file"
            )
        dataset = read_source(source) if isinstance(source, (str, Path)) else source
        if dataset is None:
            raise UsageError(f"{source}: expected a DICOM film, got another kind of file")
        for note in header_notes(dataset):
            warnings.warn(note, stacklevel=3)
        return dataset


class Model:
    """A loaded model. One may be shared between threads, or pickled to other processes.

    What is pickled is the model folder's path and the options of ``load``, not the network: the
    other process reads the folder again.

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
        self,
        film: str | Path | bytes | NDArray[np.generic] | Radiograph | Any,
        *,
        doubt: bool = False,
    ) -> Prediction:
        """Judge one film.

        Args:
            film: a path, the bytes of a file, a pydicom ``Dataset``, a ``Radiograph``, or an
                array (H, W), (row, column), integers over their full range or floats in [0, 1],
                air dark.
            doubt: read the film mirrored as well and keep where both readings disagree, as
                ``Prediction.doubt``; about twice the time.

        Raises:
            UnreadableFilm: it cannot be decoded.
            RejectedFilm: it is not a frontal chest film fit to be read.
        """
        start = time.perf_counter()
        radiograph = _read(film)
        result = _public(self.predictor.predict(radiograph, doubt=doubt))
        return replace(result, seconds=time.perf_counter() - start)

    def predict_many(
        self,
        films: Iterable[Film],
        *,
        workers: int | None = None,
        batch_size: int = 4,
        doubt: bool = False,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> Iterator[tuple[Film, Prediction | FilmError]]:
        """Judge many films as a stream, in bounded memory.

        Args:
            films: anything that ``predict`` takes, in the order wanted; paths keep memory small.
            workers: films read at once, each by a thread of its own; as many as the model was
                loaded for (``load(parallel=...)``) by default.
            batch_size: films that a worker gives the network at once. At most
                ``(workers + 1) * batch_size`` films are held in memory.
            doubt: read each film mirrored as well; see ``predict``.
            progress: called with the films done and the films in all (None where ``films`` has
                no length) before each film is handed over.

        Returns:
            An iterator over each film and its answer, in input order: a prediction, or the error
            (not raised) of a film that was rejected or could not be read.

        Raises:
            UsageError: one film instead of several, or a number of workers or films below 1.
        """
        if isinstance(films, (str, bytes, Path)):
            raise UsageError("expected several films, got one; put it in a list, or use predict")
        threads = self.predictor.parallel if workers is None else _count("workers", workers)
        total = len(films) if isinstance(films, Sized) else None
        answers = predict_many(
            self.predictor,
            films,
            _read,
            lambda film, answer: (film, answer),
            batch_size=_count("batch_size", batch_size),
            workers=threads,
            doubt=doubt,
        )
        return _told(answers, progress, total)


def _told(
    answers: Iterable[tuple[Film, types.Prediction | FilmError]],
    progress: Callable[[int, int | None], object] | None,
    total: int | None,
) -> Iterator[tuple[Film, Prediction | FilmError]]:
    """Pass answers on, and say how many were."""
    for done, (film, answer) in enumerate(answers, start=1):
        if progress is not None:
            progress(done, total)
        yield film, answer if isinstance(answer, FilmError) else _public(answer)


def _read(film: Any) -> Radiograph:
    """A film in any of the forms that ``Model.predict`` takes."""
    from infmap.dicom import read_radiograph

    return film if isinstance(film, Radiograph) else read_radiograph(film)


def _public(result: types.Prediction) -> Prediction:
    """The prediction with its overlay and DICOM objects."""
    return Prediction(**{f.name: getattr(result, f.name) for f in fields(result)})


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
        UsageError: no such runtime or device, a threshold that is no number in (0, 1), or
            ``parallel`` below 1.
        MissingExtra: the runtime is not installed.
    """
    if not isinstance(runtime, str) or runtime not in RUNTIMES:
        raise UsageError(f"runtime: expected one of {', '.join(RUNTIMES)}, got {runtime!r}")
    if not isinstance(device, str) or not device.strip():
        raise UsageError(f"device: expected auto, cpu, gpu or a device's name, got {device!r}")
    if threshold is not None:
        threshold = _threshold(threshold)
    return Model(
        Predictor(
            model_folder(model),
            runtime=runtime,
            device=device,
            threshold=threshold,
            parallel=_count("parallel", parallel),
        )
    )


def _threshold(value: float) -> float:
    """A probability between 0 and 1, both excluded."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < value < 1.0:
        raise UsageError(f"threshold: expected a number above 0 and below 1, got {value!r}")
    return float(value)


def _count(name: str, value: int) -> int:
    """A whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise UsageError(f"{name}: expected a whole number of 1 or more, got {value!r}")
    return int(value)


def model_folder(model: str | Path | None = None) -> Path:
    """Folder of a model given by path or by the name of a shipped one."""
    if model is None:
        return WEIGHTS / DEFAULT_MODEL
    if not isinstance(model, (str, Path)) or not str(model).strip():
        raise UsageError(f"model: expected a folder or a shipped model's name, got {model!r}")
    if os.path.isdir(model):
        return Path(model)
    if "/" not in str(model) and os.path.isdir(WEIGHTS / str(model)):
        return WEIGHTS / str(model)
    shipped = ", ".join(sorted(p.name for p in WEIGHTS.iterdir() if p.is_dir()))
    raise ModelError(f"{str(model)[:200]}: no such model folder; shipped models: {shipped}")
