"""A prediction's own figures, kept to all digits, and the prediction made of them and the planes.

DICOM objects, pages and FHIR resources are made when somebody asks for them, long after the network
ran: what they say is what was found then, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, with_config

from infmap.core.types import CalibratedOn, Prediction, Radiograph, Severity
from infmap.inference.postprocess import first_level
from infmap.inference.predictor import PROBABILITIES

UInt8Image = NDArray[np.uint8]


@with_config(ConfigDict(ser_json_inf_nan="constants"))  # shares of an empty zone are NaN
@dataclass(frozen=True)
class Figures:
    """What a prediction says beside its planes; the attributes are those of ``Prediction``."""

    covid_probability: float
    covid_detected: bool
    infected_fraction: float
    infected_fraction_right: float
    infected_fraction_left: float
    opacity_fraction: float
    opacity_fraction_right: float
    opacity_fraction_left: float
    zones: Mapping[str, float]
    severity: Severity
    quality: Mapping[str, float | None]
    warnings: tuple[str, ...]
    model: str
    model_sha256: str
    thresholds: Mapping[str, float]
    zone_areas: Mapping[str, float]
    calibrated_on: CalibratedOn
    operating: Mapping[str, bool] | None
    seconds: float

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """What a prediction says."""
        return cls(**{f.name: getattr(prediction, f.name) for f in fields(cls)})

    @classmethod
    def read(cls, text: str) -> Figures:
        """As ``write`` wrote them.

        Raises:
            ValueError: they are none.
        """
        return _ADAPTER.validate_json(text)

    def write(self) -> str:
        """As JSON text."""
        return _ADAPTER.dump_json(self).decode()

    def prediction(
        self,
        radiograph: Radiograph,
        infection: UInt8Image,
        opacity: UInt8Image,
        zones: UInt8Image,
    ) -> Prediction:
        """The prediction that these are the figures of.

        Args:
            radiograph: the film.
            infection: uint8 (H, W), film pixels; level k is the probability k / 255.
            opacity: the same for any opacity.
            zones: uint8 (H, W), 0 outside the lungs, 1 to 6 for zone A to F.
        """
        return Prediction(
            infection=PROBABILITIES[infection],
            opacity=PROBABILITIES[opacity],
            lungs=zones > 0,
            infected=infection >= first_level(self.thresholds["infection"]),
            opaque=opacity >= first_level(self.thresholds["opacity"]),
            radiograph=radiograph,
            zone_labels=zones,
            **{f.name: getattr(self, f.name) for f in fields(self)},
        )


_ADAPTER = TypeAdapter(Figures)
