"""A site's own calibration: a model folder fitted to the films of one hospital."""

from infmap.site.calibration import (
    FEWEST,
    SiteCalibration,
    calibrated,
    fit_site,
    healthy_needed,
    supported_specificity,
)
from infmap.site.figures import cross_validated, figures
from infmap.site.films import SiteFilms
from infmap.site.labels import Label, read_labels
from infmap.site.repeats import repeats, thumbnail

__all__ = [
    "FEWEST",
    "Label",
    "SiteCalibration",
    "SiteFilms",
    "calibrated",
    "cross_validated",
    "figures",
    "fit_site",
    "healthy_needed",
    "read_labels",
    "repeats",
    "supported_specificity",
    "thumbnail",
]
