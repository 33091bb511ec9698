"""From a radiograph to a prediction. Stateless after loading, safe to share between threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import ModelError, RejectedFilm
from infmap.core.geometry import Letterbox
from infmap.core.types import ZONES, Float32Image, Prediction, Radiograph, Severity
from infmap.inference.manifest import Manifest, read_deployable
from infmap.inference.postprocess import LEVELS, Findings, find_lungs, postprocess, to_levels
from infmap.inference.preprocess import Preprocessing, to_network
from infmap.inference.quality import Quality, assess, assess_lungs
from infmap.inference.runtimes import Runtime, open_runtime
from infmap.inference.severity import grade_severity
from infmap.inference.side import assess_side

# Chosen by hand, not measured.
WIDE_OPACITY = 0.10
"""Share of the lungs from which opacities that are mostly no infection are worth a warning."""
PROBABILITIES = np.arange(LEVELS + 1, dtype=np.float32) / np.float32(LEVELS)
"""Probability of every level of a plane."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A film ready for the network.

    Attributes:
        radiograph: the film.
        field: its exposed field, which alone the network and the gate see.
        plane: float32 (S, S), network pixels, [0, 1].
        fit: where the film lies in the plane.
        quality: what the first half of the quality gate measured.
        warnings: of reading and of the quality gate.
    """

    radiograph: Radiograph
    field: Radiograph
    plane: Float32Image
    fit: Letterbox
    quality: Quality
    warnings: tuple[str, ...]


def prepare(radiograph: Radiograph, spec: Preprocessing) -> Prepared:
    """Pass a film through the first half of the quality gate and bring it to the network's size.

    Raises:
        RejectedFilm: the film is not fit to be assessed.
    """
    plane, fit = to_network(radiograph.pixels, spec)
    field = radiograph
    if fit.part:
        pixels = np.ascontiguousarray(radiograph.pixels[fit.part.slices])
        field = replace(radiograph, pixels=pixels)
    quality = assess(field)
    if quality.reject:
        raise _rejected(radiograph, quality, radiograph.warnings)
    warnings = radiograph.warnings + quality.warnings
    return Prepared(radiograph, field, plane, fit, quality, warnings)


def _rejected(film: Radiograph, quality: Quality, warnings: tuple[str, ...]) -> RejectedFilm:
    """The error, with all that a person needs to check the gate."""
    return RejectedFilm(
        str(quality.reject),
        film.source,
        radiograph=film,
        quality=quality.to_dict(),
        warnings=warnings + quality.warnings,
    )


class Predictor:
    """A model folder, loaded.

    Args:
        folder: the model folder.
        runtime: "openvino" or "onnxruntime".
        device: "auto", "cpu", "gpu", or a device name of the runtime.
        threshold: operating point of infection and of detection instead of the model's, in (0, 1).
        parallel: batches that ``run`` is to be called with at once, from as many threads.
        threads: cores that this process may take, where others work beside it; all by default.

    Raises:
        ModelError: the folder is missing or damaged, or its network has no maps.
        UsageError: no such runtime or device.
        ValueError: the threshold is out of range.
    """

    def __init__(
        self,
        folder: Path,
        *,
        runtime: str = "openvino",
        device: str = "auto",
        threshold: float | None = None,
        parallel: int = 1,
        threads: int | None = None,
    ) -> None:
        self.manifest: Manifest = read_deployable(folder)
        self.model_sha256 = self.manifest.sha256
        self.runtime, self.device = runtime, device
        if threshold is not None:
            self.manifest = self.manifest.at(threshold)
        self.parallel = parallel
        # A network cannot be pickled; what opens it again can.
        self._reopen = partial(
            Predictor,
            Path(folder).resolve(),
            runtime=runtime,
            device=device,
            threshold=threshold,
            parallel=parallel,
            threads=threads,
        )
        self._runtime: Runtime = open_runtime(runtime, folder, device, parallel, threads)
        self._check_network(folder)

    def __reduce__(self) -> tuple[Callable[[], Predictor], tuple[()]]:
        """Pickle as folder and options: the process that unpickles loads the network itself."""
        return self._reopen, ()

    def at(self, threshold: float) -> Predictor:
        """The same network with another operating point of infection, in (0, 1); nothing is loaded.

        Raises:
            ValueError: the threshold is out of range.
        """
        other = object.__new__(Predictor)  # copied by ``copy`` it would be opened again
        other.__dict__.update(self.__dict__)
        other.manifest = self.manifest.at(threshold)
        other._reopen = partial(self._reopen, threshold=threshold)
        return other

    def prepare(self, radiograph: Radiograph) -> Prepared:
        """See ``prepare``, with the model's preprocessing."""
        return prepare(radiograph, self.manifest.preprocessing)

    def predict(self, radiograph: Radiograph, *, doubt: bool = False) -> Prediction:
        """Assess one film.

        Args:
            radiograph: the film.
            doubt: read it mirrored as well, for ``Prediction.doubt``: twice the network's time.

        Raises:
            RejectedFilm: the film is not fit to be assessed.
        """
        start = time.perf_counter()
        film = self.prepare(radiograph)
        maps, logits = self.run(film.plane[None])
        prediction = self.postprocess(film, maps[0], logits[0])
        if doubt:
            prediction = self.with_doubt(film, prediction)
        return replace(prediction, seconds=time.perf_counter() - start)

    def with_doubt(self, film: Prepared, prediction: Prediction) -> Prediction:
        """Add where the reading of the mirrored film disagrees.

        A network trained on films of either side has no reason to read a mirrored one otherwise:
        where it does, neither reading is worth much (test-time augmentation, Wang et al. 2019,
        Neurocomputing 338:34). It is no probability of an error.

        Args:
            film: what the network was given.
            prediction: what it made of it.

        Returns:
            The prediction with ``doubt``, float32 (H, W): the mean of the absolute differences of
            the infection and of the opacity map. 1 within the lungs where the mirrored reading
            is rejected.
        """
        maps, logits = self.run(np.ascontiguousarray(film.plane[None, :, ::-1]))
        try:
            other = self.postprocess(film, np.ascontiguousarray(maps[0][:, :, ::-1]), logits[0])
        except RejectedFilm:
            note = "The mirrored film was rejected: the whole reading is in doubt."
            doubt = prediction.lungs.astype(np.float32)
            return replace(prediction, doubt=doubt, warnings=(*prediction.warnings, note))
        difference = np.abs(prediction.infection - other.infection)
        difference += np.abs(prediction.opacity - other.opacity)
        # The mean of both differences, so that doubt stays in [0, 1].
        return replace(prediction, doubt=difference * np.float32(0.5))

    def run(self, planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network alone.

        Args:
            planes: float32 (N, S, S), network pixels, [0, 1].

        Returns:
            float32 (N, 3, S, S) probabilities of infection, opacity, lungs; float32 (N, 3) logits.
        """
        return self._runtime(planes[:, None])

    def postprocess(
        self, film: Prepared, maps: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> Prediction:
        """From the network's output to the answers, in the film's own grid.

        Args:
            film: what the network was given.
            maps: float32 (3, S, S), network pixels, probabilities of infection, opacity, lungs.
            logits: float32 (3,), classes.

        Raises:
            RejectedFilm: what was found are not the lungs of a frontal chest film.
        """
        at, fit = self.manifest.thresholds, film.fit
        # A device of half precision may overflow without a word, and a map of NaN would pass as
        # empty.
        if not (np.isfinite(maps).all() and np.isfinite(logits).all()):
            raise RejectedFilm("the network's output is not finite", film.radiograph.source)
        levels = to_levels(maps)
        zones = find_lungs(levels, fit, at)
        # On the network's grid, which is where its limits were measured.
        seen = assess_lungs(zones, film.field, maps[2][fit.window])
        seen = seen.merged(assess_side(zones.labels > 0, film.plane[fit.window]))
        quality = film.quality.merged(seen)
        if quality.reject:
            raise _rejected(film.radiograph, quality, film.radiograph.warnings)
        found = postprocess(levels, logits, fit, at, self.manifest.detection, zones)
        if not found.lung_counts.any():
            raise RejectedFilm("no lungs were found", film.radiograph.source)
        severity = grade_severity(
            found.mean_opacity("ABC"), found.mean_opacity("DEF"), self.manifest.severity
        )
        points = self.manifest.operating
        return Prediction(
            infection=PROBABILITIES[found.infection],
            opacity=PROBABILITIES[found.opacity],
            lungs=found.lungs,
            infected=found.infected,
            opaque=found.opaque,
            covid_probability=found.probability,
            covid_detected=found.detected,
            infected_fraction=found.infected_share(),
            infected_fraction_right=found.infected_share("ABC"),
            infected_fraction_left=found.infected_share("DEF"),
            opacity_fraction=found.opaque_share(),
            opacity_fraction_right=found.opaque_share("ABC"),
            opacity_fraction_left=found.opaque_share("DEF"),
            zones={zone: found.infected_share(zone) for zone in ZONES},
            zone_areas=found.zone_areas(),
            severity=severity,
            quality=quality.to_dict(),
            warnings=film.warnings + seen.warnings + _cautions(found, severity),
            model=self.manifest.label,
            radiograph=film.radiograph,
            model_sha256=self.model_sha256,
            thresholds={k: getattr(at, k) for k in ("lungs", "opacity", "infection", "covid")},
            calibrated_on=self.manifest.calibrated_on,
            operating=points.decide(found.probability) if points else None,
            zone_labels=found.zones.labels,
        )

    def _check_network(self, folder: Path) -> None:
        """Run the network once: does it take and give what the manifest says?"""
        size = self.manifest.preprocessing.size
        try:
            maps, logits = self.run(np.zeros((1, size, size), np.float32))
        except MemoryError:
            raise
        except Exception as error:  # each runtime has errors of its own
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"{folder}: the network does not take films of {size} x {size}, which the "
                f"manifest says under preprocessing.size ({reason})"
            ) from error
        if maps.shape != (1, 3, size, size) or logits.shape != (1, 3):
            raise ModelError(
                f"{folder}: expected maps (1, 3, {size}, {size}) and logits (1, 3) from the "
                f"network, got {maps.shape} and {logits.shape}"
            )


def _cautions(found: Findings, severity: Severity) -> tuple[str, ...]:
    """Sentences for a reader where the answers pull in different directions."""
    opaque, infected = found.opaque_share(), found.infected_share()
    # A half: most of the opacity is attributed to COVID-19, so severity and detection agree.
    if opaque < WIDE_OPACITY or infected >= opaque / 2.0:
        return ()
    if not found.detected:
        return (
            f"opacities over {opaque:.0%} of the lungs without COVID-19 being detected: "
            f"severity ({severity.grade}) is that of the opacities, whatever their cause",
        )
    return (
        f"opacities over {opaque:.0%} of the lungs, most of them not read as COVID-19 "
        f"({infected:.0%}): severity ({severity.grade}) is that of all opacities",
    )
