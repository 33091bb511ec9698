"""From a network's output to the planes and figures that users get: one pure function.

Prediction, training and evaluation all call it, so that what is scored is what is written. It
holds by construction, for whatever the network says (docs/decisions/027):

- infection <= opacity at every pixel, and both are 0 outside the lungs (the margin is zero);
- an infected pixel is an opaque one, so the infected share is at most the opaque share;
- COVID-19 is detected exactly where a pixel is infected: a film below its operating point shows
  none, and one that reaches it at least its surest pixel;
- shares are counted on the planes returned, in their 8 bits, and every lung pixel has a zone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.core.geometry import Letterbox
from infmap.core.types import ZONES, BoolImage
from infmap.core.zones import LungZones, brixia_zones, components
from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.inference.preprocess import to_film

UInt8Image = NDArray[np.uint8]
LEVELS = 255
"""Levels above 0 of a plane: level k is the probability k / 255, as in the PNG files."""
PEAK_FLOOR = 0.5 / LEVELS
"""Probability that stands for a map's 0, so that its log-odds are finite: half a level."""

AMOUNT_ORDER = 4
"""Of the generalised mean that is the amount of infection: 1 counts a haze over both lungs like a
sure region of the same sum, infinity is the surest pixel. Chosen in docs/decisions/027."""
AMOUNT_FLOOR = 1e-4
"""Amount that stands for 0, so that its log-odds are finite; below that of half a level (0.002)
throughout the lungs."""

POWERS = (np.arange(LEVELS + 1) / LEVELS) ** AMOUNT_ORDER
"""Of every level's probability, float64 (256,)."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found on one film. All planes are on one grid, (row, column).

    Attributes:
        infection: uint8 (H, W), 0..255 = probability of COVID-19 infection; 0 outside the lungs.
        opacity: uint8 (H, W), 0..255 = probability of any opacity; nowhere below ``infection``.
        infected: bool (H, W), infection at or above its threshold.
        opaque: bool (H, W), opacity at or above its threshold.
        zones: the lungs, each of their pixels in a zone.
        probability: of COVID-19 on the film, [0, 1].
        infected_counts: int64 (7,), infected pixels outside the lungs (none) and in zones A to F.
        opaque_counts: the same for opaque pixels.
        lung_counts: the same for pixels.
        opacity_sums: float64 (7,), sums of the opacity probability.
    """

    infection: UInt8Image
    opacity: UInt8Image
    infected: BoolImage
    opaque: BoolImage
    zones: LungZones
    probability: float
    infected_counts: NDArray[np.int64]
    opaque_counts: NDArray[np.int64]
    lung_counts: NDArray[np.int64]
    opacity_sums: NDArray[np.float64]

    @property
    def lungs(self) -> BoolImage:
        """Bool (H, W), both lungs."""
        return np.asarray(self.zones.labels > 0)

    @property
    def detected(self) -> bool:
        """COVID-19 is detected: a pixel is infected."""
        return bool(self.infected_counts.any())

    def infected_share(self, zones: str = "ABCDEF") -> float:
        """Infected share of some zones together, [0, 1]; NaN where they are empty."""
        return self._share(self.infected_counts, zones)

    def opaque_share(self, zones: str = "ABCDEF") -> float:
        """Opaque share of some zones together, [0, 1]; NaN where they are empty."""
        return self._share(self.opaque_counts, zones)

    def mean_opacity(self, zones: str) -> float:
        """Mean opacity probability over some zones together, [0, 1]; NaN where they are empty."""
        return self._share(self.opacity_sums, zones)

    def zone_areas(self) -> Mapping[str, float]:
        """Share of the lung area that each zone takes; they sum to 1. NaN without lungs."""
        total = int(self.lung_counts.sum())
        areas = (int(self.lung_counts[i]) for i in range(1, 7))
        return {z: area / total if total else math.nan for z, area in zip(ZONES, areas)}

    def _share(self, counts: NDArray[np.int64] | NDArray[np.float64], zones: str) -> float:
        at = [ZONES.index(zone) + 1 for zone in zones]
        area = int(self.lung_counts[at].sum())
        return float(counts[at].sum()) / area if area else math.nan


def postprocess(
    maps: UInt8Image,
    logits: NDArray[np.float32],
    fit: Letterbox,
    thresholds: Thresholds,
    detection: PlattScaling,
    zones: LungZones | None = None,
) -> Findings:
    """Turn the network's output for one film into what users get.

    Args:
        maps: uint8 (3, S, S), network pixels, 0..255 = probability of infection, opacity, lungs.
        logits: float32 (3,), classes COVID-19, other pneumonia, normal.
        fit: place of the film in the square; ``Letterbox(S, S, S)`` gives the network's grid.
        thresholds: operating points.
        detection: from the network's output to the film's probability.
        zones: of ``find_lungs``, where already computed.

    Returns:
        Findings on the film's grid.
    """
    zones = find_lungs(maps, fit, thresholds) if zones is None else zones
    inside = zones.labels > 0
    # The peak is taken within the lungs: a bright marker outside must not detect anything.
    raw = maps[0][fit.window][inside]
    film = film_probability(logits, map_peak(raw), map_amount(raw), detection)
    labels = _film_labels(zones, fit)
    outside = labels == 0
    infection = to_film(maps[0], fit)
    infection[outside] = 0
    first = first_level(thresholds.infection), first_level(thresholds.opacity)
    probability, levels = fit_infection(film, int(infection.max()), thresholds)
    infection = levels[infection]
    infected = infection >= first[0]
    opacity = np.maximum(to_film(maps[1], fit), infection)
    opacity[outside] = 0
    if first[1] > first[0]:  # else an infected pixel is opaque already
        np.maximum(opacity, np.uint8(first[1]), out=opacity, where=infected)
    lungs = ~outside
    # Zone and level in one number: a single pass of bincount gives every count that is needed.
    zone = labels[lungs].astype(np.intp) << 8
    infected_by_level = _histogram(zone, infection[lungs])
    opaque_by_level = _histogram(zone, opacity[lungs])
    return Findings(
        infection=infection,
        opacity=opacity,
        infected=infected,
        opaque=opacity >= first[1],
        zones=LungZones(labels),
        probability=probability,
        infected_counts=infected_by_level[:, first[0] :].sum(axis=1),
        opaque_counts=opaque_by_level[:, first[1] :].sum(axis=1),
        lung_counts=opaque_by_level.sum(axis=1),
        opacity_sums=opaque_by_level @ (np.arange(LEVELS + 1) / LEVELS),
    )


def to_levels(maps: NDArray[np.float32]) -> UInt8Image:
    """Probabilities in [0, 1] as levels 0 to 255, the nearest."""
    return np.asarray(np.rint(maps * np.float32(LEVELS)), dtype=np.uint8)


def find_lungs(maps: UInt8Image, fit: Letterbox, thresholds: Thresholds) -> LungZones:
    """The two lungs on the network's grid: zones of maps uint8 (3, S, S) within the film."""
    return brixia_zones(two_largest(maps[2][fit.window] >= first_level(thresholds.lungs)))


def first_level(threshold: float) -> int:
    """The lowest level, 1 to 255, whose probability reaches a threshold in (0, 1)."""
    reached = np.arange(LEVELS + 1, dtype=np.float32) / np.float32(LEVELS) >= np.float32(threshold)
    return max(1, int(np.argmax(reached))) if reached.any() else LEVELS


def film_probability(
    logits: NDArray[np.float32], peak: int, amount: float, detection: PlattScaling
) -> float:
    """Calibrated probability of COVID-19 on the film, see ``PlattScaling``.

    Args:
        logits: float32 (3,), classes.
        peak: of ``map_peak``.
        amount: of ``map_amount``.
        detection: slopes and intercept.
    """
    z = detection.log_odds(
        float(class_log_odds(logits)),
        float(peak_log_odds(np.asarray(peak))),
        float(amount_log_odds(np.asarray(amount))),
    )
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, z))))


def map_peak(infection: UInt8Image) -> int:
    """Highest level, 0 to 255, of the infection map's lung pixels (n,); 0 where there are none."""
    return int(infection.max(initial=0))


def map_amount(infection: UInt8Image) -> float:
    """Amount of infection, [0, 1], of the infection map's lung pixels (n,); 0 without any.

    The generalised mean of order ``AMOUNT_ORDER`` of their probabilities.
    """
    if not infection.size:
        return 0.0
    mean = (np.bincount(infection, minlength=LEVELS + 1) @ POWERS) / infection.size
    return float(mean ** (1.0 / AMOUNT_ORDER))


def class_log_odds(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds of COVID-19 against the other classes: logits (..., 3) to float64 (...)."""
    x = np.asarray(logits, np.float64)
    return np.asarray(x[..., 0] - np.logaddexp(x[..., 1], x[..., 2]))


def peak_log_odds(peak: NDArray[np.integer]) -> NDArray[np.float64]:
    """Log-odds of map levels 0 to 255, kept finite by half a level at both ends."""
    p = np.clip(np.asarray(peak, np.float64) / LEVELS, PEAK_FLOOR, 1.0 - PEAK_FLOOR)
    return np.asarray(np.log(p / (1.0 - p)))


def amount_log_odds(amount: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-odds of amounts in [0, 1], kept finite by ``AMOUNT_FLOOR`` at both ends."""
    p = np.clip(np.asarray(amount, np.float64), AMOUNT_FLOOR, 1.0 - AMOUNT_FLOOR)
    return np.asarray(np.log(p / (1.0 - p)))


def fit_infection(
    probability: float, peak: int, thresholds: Thresholds
) -> tuple[float, UInt8Image]:
    """Make the map agree with what is said of the film.

    Two points: where COVID-19 is not detected, the map stays below the pixel's threshold; where it
    is and no pixel reaches that, the whole map is raised until its peak does; every other map is
    the network's. One point for both: the map's peak becomes the film's probability
    (docs/decisions/017). A film whose map is 0 throughout the lungs stays below its operating
    point, as there is nothing that could be infected.

    Args:
        probability: of the film, [0, 1].
        peak: highest level of the map within the lungs, 0 to 255.
        thresholds: operating points of film and pixel.

    Returns:
        The film's probability; and uint8 (256,), the new level of every level of the map.
    """
    first = first_level(thresholds.infection)
    if not peak:
        # nextafter: the largest number below the operating point, so that no rounding detects it.
        probability = min(probability, math.nextafter(thresholds.covid, 0.0))
    detected = probability >= thresholds.covid
    least, most = (first, LEVELS) if detected else (0, first - 1)
    if thresholds.film is None:
        # Rounding to 8 bits must not take the peak to the other side of the operating point.
        least = most = min(max(round(probability * LEVELS), least), most)
    levels = np.arange(LEVELS + 1, dtype=np.float64)
    # Raised by one factor, so that the order of pixels stays.
    if 0 < peak < least:
        levels *= least / peak
    return probability, np.minimum(np.rint(levels), most).astype(np.uint8)


def two_largest(mask: BoolImage) -> BoolImage:
    """Keep the two largest connected components of a mask (H, W)."""
    labels, areas = components(mask)
    if len(areas) <= 2:
        return mask
    # A person has two lungs; further regions are stomach air, markers or a second picture.
    return np.isin(labels, np.argsort(areas)[-2:] + 1)


def _film_labels(zones: LungZones, fit: Letterbox) -> UInt8Image:
    """Zones on the film's grid: smooth outlines of the lungs, each pixel with its nearest zone."""
    smooth = to_film(_padded(np.where(zones.labels > 0, LEVELS, 0), fit), fit)
    labels = to_film(_padded(_grown(zones.labels), fit), fit, nearest=True)
    # The outline is where the enlarged mask crosses one half: nearest values alone would be steps
    # of a network pixel.
    labels[smooth <= LEVELS // 2] = 0
    return labels


def _padded(film: NDArray[np.integer], fit: Letterbox) -> UInt8Image:
    return np.asarray(fit.pad(film), dtype=np.uint8)


def _grown(labels: UInt8Image) -> UInt8Image:
    """Labels with a rim of one pixel more, where the smooth outline may pass."""
    # The larger label wins where two zones meet: only pixels that had none take it.
    wide = np.pad(labels, 1)
    wide = np.maximum(wide[1:-1], np.maximum(wide[:-2], wide[2:]))
    wide = np.maximum(wide[:, 1:-1], np.maximum(wide[:, :-2], wide[:, 2:]))
    return np.where(labels > 0, labels, wide)


def _histogram(zone: NDArray[np.intp], levels: UInt8Image) -> NDArray[np.int64]:
    """Pixels by zone 0 to 6 and level, int64 (7, 256), of zones that are multiples of 256."""
    return np.bincount(zone + levels, minlength=7 << 8).reshape(7, LEVELS + 1).astype(np.int64)
