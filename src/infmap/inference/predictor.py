"""From a radiograph to a prediction. Stateless after loading, safe to share between threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import RejectedFilm
from infmap.core.geometry import Fit
from infmap.core.types import BoolImage, Float32Image, Prediction, Radiograph, Severity
from infmap.core.zones import brixia_zones, components, share
from infmap.inference.manifest import Manifest, read_manifest, verify_files
from infmap.inference.preprocess import Preprocessing, to_film, to_network
from infmap.inference.quality import Quality, assess, assess_lungs
from infmap.inference.runtimes import Runtime, open_runtime
from infmap.inference.severity import Calibration, affected_shares, grade_severity
from infmap.inference.side import assess_side

WIDE_OPACITY = 0.10
"""Share of the lungs from which opacities without COVID-19 are worth a warning."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A film ready for the network.

    Attributes:
        radiograph: the film.
        field: its exposed field, which alone the network and the gate see.
        plane: float32 (S, S), network pixels, [0, 1].
        fit: where the film lies in the plane.
        warnings: of reading and of the quality gate.
    """

    radiograph: Radiograph
    field: Radiograph
    plane: Float32Image
    fit: Fit
    warnings: tuple[str, ...]


def prepare(radiograph: Radiograph, spec: Preprocessing) -> Prepared:
    """Pass a film through the first half of the quality gate and bring it to the network's size.

    Raises:
        RejectedFilm: the film is not fit to be judged.
    """
    plane, fit = to_network(radiograph.pixels, spec)
    field = radiograph
    if fit.part:
        pixels = np.ascontiguousarray(radiograph.pixels[fit.part.slices])
        field = replace(radiograph, pixels=pixels)
    quality = assess(field)
    if quality.reject:
        raise _rejected(radiograph, quality, radiograph.warnings)
    return Prepared(radiograph, field, plane, fit, radiograph.warnings + quality.warnings)


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
        threshold: infection threshold instead of the model's, in (0, 1).
        parallel: batches that ``run`` is to be called with at once, from as many threads.

    Raises:
        ModelError: the folder is missing or damaged.
        UsageError: no such runtime or device.
    """

    def __init__(
        self,
        folder: Path,
        *,
        runtime: str = "openvino",
        device: str = "auto",
        threshold: float | None = None,
        parallel: int = 1,
    ) -> None:
        self.manifest: Manifest = read_manifest(folder)
        verify_files(folder, self.manifest)
        self.model_sha256 = self.manifest.sha256
        if threshold is not None:
            thresholds = replace(self.manifest.thresholds, infection=threshold)
            self.manifest = replace(self.manifest, thresholds=thresholds)
        self.parallel = parallel
        self._reopen = partial(
            Predictor,
            Path(folder).resolve(),
            runtime=runtime,
            device=device,
            threshold=threshold,
            parallel=parallel,
        )
        self._runtime: Runtime = open_runtime(runtime, folder, device, parallel)
        self._severity = Calibration.from_dict(self.manifest.severity)

    def __reduce__(self) -> tuple[Callable[[], Predictor], tuple[()]]:
        """Pickle as folder and options: the process that unpickles loads the network itself."""
        return self._reopen, ()

    def prepare(self, radiograph: Radiograph) -> Prepared:
        """See ``prepare``, with the model's preprocessing."""
        return prepare(radiograph, self.manifest.preprocessing)

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Judge one film.

        Raises:
            RejectedFilm: the film is not fit to be judged.
        """
        start = time.perf_counter()
        film = self.prepare(radiograph)
        maps, logits = self.run(film.plane[None])
        prediction = self.judge(film, maps[0], logits[0])
        return replace(prediction, seconds=time.perf_counter() - start)

    def run(self, planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network alone.

        Args:
            planes: float32 (N, S, S), network pixels, [0, 1].

        Returns:
            float32 (N, 3, S, S) probabilities of infection, opacity, lungs; float32 (N, 3) logits.
        """
        return self._runtime(planes[:, None])

    def judge(
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
        lungs = two_largest(maps[2][fit.window] >= at.lungs)
        zones = brixia_zones(lungs)
        quality = assess_lungs(zones, film.field, maps[2][fit.window])
        quality = quality.merged(assess_side(lungs, film.field.pixels))
        if quality.reject:
            raise _rejected(film.radiograph, quality, film.warnings)
        opaque = maps[1][fit.window] >= at.opacity
        probability = calibrated_probability(logits, self.manifest.detection)
        detected = probability >= at.covid
        bounded = bounded_infection(maps[0], probability)
        infected = bounded[fit.window] >= at.infection
        infected_fraction = share(infected, lungs)
        infection, opacity = to_film(bounded, fit), to_film(maps[1], fit)
        graded = maps[0 if self._severity.map_name == "infection" else 1][fit.window]
        severity = grade_severity(*affected_shares(graded, zones), self._severity)
        opacity_fraction = share(opaque, lungs)
        return Prediction(
            infection=infection,
            opacity=opacity,
            lungs=to_film(fit.pad(lungs).astype(np.float32), fit) >= 0.5,
            infected=infection >= at.infection,
            opaque=opacity >= at.opacity,
            covid_probability=probability,
            covid_detected=detected,
            infected_fraction=infected_fraction,
            infected_fraction_right=share(infected, zones.right),
            infected_fraction_left=share(infected, zones.left),
            opacity_fraction=opacity_fraction,
            opacity_fraction_right=share(opaque, zones.right),
            opacity_fraction_left=share(opaque, zones.left),
            zones=zones.shares(infected),
            severity=severity,
            quality=quality.to_dict(),
            warnings=film.warnings
            + quality.warnings
            + _cautions(detected, infected_fraction, opacity_fraction, severity),
            model=self.manifest.label,
            radiograph=film.radiograph,
            model_sha256=self.model_sha256,
            thresholds={k: getattr(at, k) for k in ("lungs", "opacity", "infection", "covid")},
        )


def calibrated_probability(logits: NDArray[np.float32], detection: tuple[float, float]) -> float:
    """Probability of COVID-19 from class logits (3,), Platt-scaled log-odds against the rest."""
    odds = float(logits[0]) - float(np.logaddexp(logits[1], logits[2]))
    slope, intercept = detection
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, slope * odds + intercept))))


def bounded_infection(infection: Float32Image, probability: float) -> Float32Image:
    """The infection map, nowhere surer of COVID-19 than the film as a whole is.

    Args:
        infection: float32 (H, W), probability of infection, as the network gave it.
        probability: the film's calibrated probability of COVID-19.
    """
    return np.minimum(infection, np.float32(probability))


def two_largest(mask: BoolImage) -> BoolImage:
    """Keep the two largest connected components of a mask (H, W)."""
    labels, areas = components(mask)
    if len(areas) <= 2:
        return mask
    return np.isin(labels, np.argsort(areas)[-2:] + 1)


def _cautions(
    detected: bool, infected: float, opacity: float, severity: Severity
) -> tuple[str, ...]:
    """Sentences for a reader where the answers pull in different directions."""
    if not detected and opacity >= WIDE_OPACITY:
        return (
            f"opacities over {opacity:.0%} of the lungs without COVID-19 being detected: "
            f"severity ({severity.grade}) is that of the opacities, whatever their cause",
        )
    if detected and infected < 0.005:
        return (
            "COVID-19 detected from the film as a whole, but no infected region was found: "
            "judge with care",
        )
    return ()
