"""What a model folder says of the site whose own films it was calibrated on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from infmap.inference.operating import STRICT, Part, Rate, Share, Text

Count = Annotated[int, Field(ge=0)]
SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$")]
"""Letters, digits, dots and hyphens, 40 at most: it becomes a part of the version."""


@dataclass(frozen=True)
class SiteFigures:
    """How good a model is on a site's films, each with its 95 % interval by patient.

    None where the site has no film that says so.

    Attributes:
        specificity: of detection on healthy films.
        specificity_other: on films of other diagnoses.
        sensitivity: on films of COVID-19.
        auroc: COVID-19 against all others.
        brier: mean squared error of the probability.
        ece: expected calibration error of the probability.
        infected: mean infected fraction of the lungs on healthy films.
        called: share of unlabelled films on which COVID-19 is detected.
    """

    __pydantic_config__ = STRICT

    specificity: Rate | None = None
    specificity_other: Rate | None = None
    sensitivity: Rate | None = None
    auroc: Rate | None = None
    brier: Rate | None = None
    ece: Rate | None = None
    infected: Rate | None = None
    called: Rate | None = None


@dataclass(frozen=True)
class Site:
    """A site's own calibration. It holds counts and figures, and nothing of any one film.

    Attributes:
        name: of the site.
        folder: name of the folder that held its films.
        date: day of calibration, YYYY-MM-DD.
        films: films used, near-duplicates counted once.
        healthy: of them known to be healthy.
        covid19: of them known to be of COVID-19.
        other: of them known to be of other diagnoses.
        unlabelled: the rest.
        rejected: films left out because they could not be read, or are no frontal chest films.
        repeated: near-duplicates left out.
        aim: specificity on healthy films that the operating point was chosen for: that expected of
            further films of the site.
        supported: lower bound (95 %, one-sided) of the specificity that so many healthy films
            support.
        recalibrated: the probability was fitted on labels; else only the operating point.
        slope: of the log-odds of a film.
        intercept: added to them.
        before: figures of the model as it was.
        after: cross-validated: each film is read by a calibration that left its patient out.
    """

    __pydantic_config__ = STRICT

    name: SiteName
    folder: Text
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    films: Count
    healthy: Count
    covid19: Count
    other: Count
    unlabelled: Count
    rejected: Count
    repeated: Count
    aim: Share
    supported: Part
    recalibrated: bool
    slope: Annotated[float, Field(gt=0.0, le=100.0)]
    intercept: Annotated[float, Field(ge=-1e3, le=1e3)]
    before: SiteFigures
    after: SiteFigures

    def __str__(self) -> str:
        """Such as "70 films of SITE"."""
        return f"{self.films} films of {self.name}"
