"""Regions of a film that derived objects show, each of one side of the patient."""

from __future__ import annotations

from dataclasses import dataclass

from infmap.core.types import BoolImage, Prediction
from infmap.core.zones import LungZones, brixia_zones


@dataclass(frozen=True, eq=False)
class Regions:
    """Planes of one film, bool (H, W), (row, column), film pixels. Right and left: the patient's.

    Attributes:
        zones: the lungs, cut into the six zones as the figures are counted.
        right: right lung.
        left: left lung.
        infected_right: region attributed to COVID-19 in the right lung.
        infected_left: the same in the left lung.
        opaque: opacity of any cause, both lungs.
    """

    zones: LungZones
    right: BoolImage
    left: BoolImage
    infected_right: BoolImage
    infected_left: BoolImage
    opaque: BoolImage

    @classmethod
    def of(cls, p: Prediction) -> Regions:
        """Cut a film's planes by side, where the prediction does."""
        zones = brixia_zones(p.lungs) if p.zone_labels is None else LungZones(p.zone_labels)
        right, left = zones.right, zones.left
        return cls(zones, right, left, p.infected & right, p.infected & left, p.opaque)
