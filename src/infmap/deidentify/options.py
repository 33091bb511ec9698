"""What a person may ask to keep, and the codes under which the objects state it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Options of PS3.15 E.3; all off is the basic profile alone.

    Attributes:
        dates: keep dates, moved by one number of days a patient (E.3.6).
        patient: keep sex, age, size, weight and the like (E.3.7).
        device: keep what identifies the device (E.3.8).
        descriptors: keep descriptions and comments, cleaned of what names the patient (E.3.5);
            they are removed otherwise.
        pixels: burned-in text is looked for and blanked (E.3.1).
    """

    dates: bool = False
    patient: bool = False
    device: bool = False
    descriptors: bool = False
    pixels: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """Names of the options that the table has a column for."""
        names = ("dates", "patient", "device", "descriptors")
        return frozenset(name for name in names if getattr(self, name))

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Codes and meanings of the scheme DCM, context group 7050 (PS3.16)."""
        chosen = (
            (True, "113100", "Basic Application Confidentiality Profile"),
            (self.pixels, "113101", "Clean Pixel Data Option"),
            (self.descriptors, "113105", "Clean Descriptors Option"),
            (
                self.dates,
                "113107",
                "Retain Longitudinal Temporal Information Modified Dates Option",
            ),
            (self.patient, "113108", "Retain Patient Characteristics Option"),
            (self.device, "113109", "Retain Device Identity Option"),
        )
        return [(code, meaning) for on, code, meaning in chosen if on]
