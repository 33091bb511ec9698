"""Films of a site, as the network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.core.geometry import Letterbox
from infmap.inference.manifest import Manifest
from infmap.inference.postprocess import postprocess

LEAST = 1e-12
"""Probability kept away from 0 and 1, so that its log-odds are finite."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What users get of films.

    Attributes:
        probability: float64 (N,), of COVID-19, [0, 1].
        detected: bool (N,), COVID-19 is detected.
        infected: float64 (N,), infected share of the lungs, [0, 1]; NaN without lungs.
    """

    probability: NDArray[np.float64]
    detected: NDArray[np.bool_]
    infected: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteFilms:
    """A network's output for films of one site, with what is known of them.

    Attributes:
        maps: uint8 (N, 3, S, S), network pixels, 0..255 = probability of infection, opacity, lungs.
        logits: float32 (N, 3), classes.
        covid19: int8 (N,), 1 it is, 0 it is not, -1 unknown.
        healthy: bool (N,), known to be healthy.
        groups: int64 (N,), patient.

    Raises:
        ValueError: lengths differ, or a film is both healthy and not known to be without COVID-19.
    """

    maps: NDArray[np.uint8]
    logits: NDArray[np.float32]
    covid19: NDArray[np.int8]
    healthy: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {
            len(x) for x in (self.maps, self.logits, self.covid19, self.healthy, self.groups)
        }
        if len(lengths) != 1:
            raise ValueError(f"expected one length, got {sorted(lengths)}")
        if (self.covid19[self.healthy] != 0).any():
            raise ValueError("expected healthy films to be known to be without COVID-19")

    def __len__(self) -> int:
        return len(self.covid19)

    def part(self, keep: NDArray[np.bool_]) -> SiteFilms:
        """Some of the films."""
        return SiteFilms(
            self.maps[keep],
            self.logits[keep],
            self.covid19[keep],
            self.healthy[keep],
            self.groups[keep],
        )

    def patients(self, keep: NDArray[np.bool_]) -> int:
        """Different patients among some of the films."""
        return len(np.unique(self.groups[keep]))

    def read(self, manifest: Manifest) -> Reading:
        """What users get of each film, on the network's grid."""
        found = [
            postprocess(maps, logits, _square(maps), manifest.thresholds, manifest.detection)
            for maps, logits in zip(self.maps, self.logits, strict=True)
        ]
        return Reading(
            np.array([f.probability for f in found], np.float64),
            np.array([f.detected for f in found], np.bool_),
            np.array([f.infected_share() for f in found], np.float64),
        )


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities, finite."""
    p = np.clip(probability, LEAST, 1.0 - LEAST)
    return np.asarray(np.log(p) - np.log1p(-p))


def _square(maps: NDArray[np.uint8]) -> Letterbox:
    size = maps.shape[-1]
    return Letterbox(size, size, size)
