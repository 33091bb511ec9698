"""The limits of the quality gate, as data.

A limit on a figure rejects a film outside ``low`` to ``high``, or warns. Limits that reject are set
beyond what real frontal films showed (about 6,800 films; ``docs/quality-gate.md`` has the
distribution of each), so that the gate stops other things than chest films rather than poor ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

INFINITE = math.inf


@dataclass(frozen=True)
class Limit:
    """A range of one figure, and what is said of a film outside it.

    Attributes:
        name: of the figure.
        text: what is said; figures are named in braces.
        low: least value.
        high: most value.
        unit: of the figure.
        origin: where the limit comes from.
        unless: (name, low, high) of a second figure: outside that range the limit does not apply.
    """

    name: str
    text: str
    low: float = -INFINITE
    high: float = INFINITE
    unit: str = ""
    origin: str = ""
    unless: tuple[str, float, float] | None = None

    def broken(self, figures: Mapping[str, float]) -> bool:
        """Whether the figure was measured and lies outside."""
        if self.unless:
            name, low, high = self.unless
            if not low <= figures.get(name, math.nan) <= high:
                return False
        value = figures.get(self.name, math.nan)
        return value < self.low or value > self.high

    def say(self, figures: Mapping[str, float]) -> str:
        """The text with its figures."""
        return self.text.format(**figures)


SEVERAL = "several films: the picture holds more than one chest; send each film as its own file"
CUT = "send the whole film"

# In this order: the first limit that is broken gives the reason, so the plainest come first.
FILM_REJECTS = (
    Limit(
        "min_side",
        "too small: expected 64 pixels a side or more, got {min_side:.0f}; send the original film",
        low=64,
        unit="film pixels",
        origin="a quarter of the network's side: less holds no opacity of 2 cm",
    ),
    Limit(
        "aspect",
        "extreme shape: one side is {aspect:.1f} times the other; send one whole film",
        high=2.7,
        unit="long side over short side",
        origin="largest of real films: 2.6",
    ),
    Limit(
        "tone_range",
        "blank or uniform: grey levels span {tone_range:.3f} of the range; "
        "check the exposure or export",
        low=0.08,
        unit="1st to 99th percentile, full range = 1",
        origin="20 levels in 255: less is a blank exposure",
    ),
    Limit(
        "levels",
        "only {levels:.0f} distinct grey levels; this is not a radiograph, or they were lost",
        low=8,
        unit="distinct levels in 8 bits",
        origin="fewer show no gradations of lung",
    ),
    Limit(
        "clipped_dark",
        "{clipped_dark:.0%} of the film is pure black; check the exposure or window",
        high=0.85,
        unit="share of the field",
        origin="lungs and soft tissue fill more than 15 % of a field",
    ),
    Limit(
        "clipped_bright",
        "{clipped_bright:.0%} of the film is pure white; check the exposure or window",
        high=0.85,
        unit="share of the field",
        origin="as for black",
    ),
    Limit(
        "smoothness",
        "noise: neighbouring pixels correlate at {smoothness:.2f}; this is not a radiograph",
        low=0.7,
        unit="correlation",
        origin="noise without anatomy has 0, a film of 64 pixels 0.9",
    ),
    Limit(
        "gradient",
        "a smooth gradient without anatomy; this is not a radiograph",
        high=0.975,
        unit="share of the variance that a quadratic surface explains",
        origin="ramps and lamps have 0.98 and more",
    ),
    Limit(
        "halves_match",
        SEVERAL,
        high=0.2,
        unit="correlation of both halves with the mean frontal film less that of the whole",
        origin="99.9 % of 6,811 real films lie below 0.1",
    ),
)
# Limits that warn were chosen by hand, inside those that reject: they ask a reader for a second
# look and change no figure. Where the share of real films beyond one was measured, origin says so.
FILM_WARNINGS = (
    Limit("aspect", "Unusual shape: one side is {aspect:.1f} times the other.", high=1.6),
    Limit("tone_range", "Low contrast: grey levels span {tone_range:.2f} of the range.", low=0.3),
    Limit("levels", "Coarse grey levels: only {levels:.0f}.", low=24),
    Limit("clipped_dark", "{clipped_dark:.0%} of the film is pure black.", high=0.5),
    Limit(
        "clipped_bright",
        "{clipped_bright:.0%} of the film is pure white; it may be over-exposed.",
        high=0.25,
    ),
)

# "Real films" are the 6,811 of docs/quality-gate.md, through `python benchmarks/gate.py DATA`.
LUNG_REJECTS = (
    Limit(
        "lung_share",
        "no lungs found ({lung_share:.1%} of the film); expected a frontal chest film",
        low=0.02,
        unit="share of the field",
        origin="least of real films: 0.045",
    ),
    Limit(
        "lung_share",
        "lungs fill {lung_share:.0%} of the film; expected a whole frontal chest film",
        high=0.65,
        unit="share of the field",
        origin="largest of real films: 0.56",
    ),
    Limit(
        "third_lung",
        SEVERAL,
        high=0.25,
        unit="area of the third region of lung over that of the largest",
        origin="99.9 % of real films lie below 0.08, the largest is 0.24",
    ),
    Limit(
        "lung_doubt",
        "lung borders are uncertain ({lung_doubt:.0%} of the lung area); "
        "expected a frontal chest film",
        high=1.5,
        unit="pixels with a probability of 0.25 to 0.75 per lung pixel",
        origin="99.9 % of real films lie below 0.76",
    ),
    Limit(
        "lung_base_cut",
        "cut off: lungs run out of the lower edge over {lung_base_cut:.0%} of their width; " + CUT,
        high=0.5,
        unit="share of the lungs' width on the film's lowest line",
        origin="largest of real films: 0.46; nine in ten upper halves: 0.51 or more",
    ),
    Limit(
        "lung_height",
        "cut off: lungs are {lung_height:.2f} times as high as wide; " + CUT,
        low=0.45,
        unit="height of both lungs over their width",
        origin="least of real films: 0.47",
    ),
    Limit(
        "unlikeness",
        "not a frontal chest film: unlikeness {unlikeness:.1f}, expected 2 or less",
        high=2.0,
        unit="log-odds of being no upright frontal chest film",
        origin="tools/fit_gate.py: 99.9 % of real films lie below, 98 % of other pictures above",
    ),
)
# Chosen by hand like those above, but for the two whose origin is stated.
LUNG_WARNINGS = (
    Limit("lung_ratio", "Only one lung was found; figures cover that lung alone.", low=0.05),
    Limit(
        "lung_ratio",
        "The lungs differ much in area (ratio {lung_ratio:.2f}): part of one may be missing.",
        low=0.35,
        unless=("lung_ratio", 0.05, INFINITE),
    ),
    Limit("lung_share", "The lungs take only {lung_share:.1%} of the film.", low=0.05),
    Limit("lung_share", "The lungs take {lung_share:.0%} of the film: check the mask.", high=0.55),
    Limit(
        "lung_border",
        "The lungs touch the film's edge ({lung_border:.0%} of it): part may be cut off.",
        high=0.15,
    ),
    Limit(
        "mediastinum_contrast",
        "Low lung-mediastinum contrast ({mediastinum_contrast:.2f}).",
        low=0.06,
    ),
    Limit("lung_doubt", "The lung borders are uncertain ({lung_doubt:.0%} of the area).", high=0.5),
    Limit(
        "tilt",
        "The image is tilted by about {tilt:.0f} degrees; interpret with caution.",
        low=-8,
        high=8,
        unit="degrees, positive counter-clockwise",
        origin="96 % of real films lie within, 6 % of those tilted by 15 degrees",
    ),
    Limit(
        "unlikeness",
        "The film looks unlike most frontal chest films (unlikeness {unlikeness:.1f}); "
        "interpret with caution.",
        high=0.0,
        unit="log-odds of being no upright frontal chest film",
        origin="as likely as not, with as many other pictures as films",
    ),
)
