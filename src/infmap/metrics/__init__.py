"""Metrics of masks, of scores, and their intervals.

Empty truth is an explicit case everywhere: a ratio whose denominator is zero is NaN, except
where a function states another convention. Unknown labels are the caller's to leave out: a NaN
that comes in is refused, a NaN that comes out means that no film contributes. ``docs/metrics.md``
has every definition.
"""

from __future__ import annotations

from infmap.metrics.agreement import (
    BlandAltman,
    agreement_table,
    bland_altman,
    icc,
    mae,
    pearson,
    weighted_kappa,
)
from infmap.metrics.calibration import (
    Reliability,
    brier,
    brier_estimate,
    ece,
    ece_estimate,
    reliability,
)
from infmap.metrics.comparison import (
    Difference,
    McNemar,
    auroc_difference,
    compare_segmentation,
    delong,
    mcnemar,
    mean_difference,
    ratio_difference,
)
from infmap.metrics.detection import (
    auprc,
    auprc_estimate,
    auroc,
    auroc_draws,
    auroc_estimate,
    sensitivity_at,
)
from infmap.metrics.intervals import (
    Bootstrap,
    Estimate,
    Interval,
    bootstrap_interval,
    bootstrap_ratio_interval,
    film_mean,
    film_means,
    film_median,
    rate,
    wilson_interval,
)
from infmap.metrics.pixels import (
    Confusion,
    check_masks,
    confusion,
    film_values,
    pixel_summary,
)
from infmap.metrics.tables import EstimateRecord, detection_table, segmentation_table, to_dict

__all__ = [
    "BlandAltman",
    "Bootstrap",
    "Confusion",
    "Difference",
    "Estimate",
    "EstimateRecord",
    "Interval",
    "McNemar",
    "Reliability",
    "agreement_table",
    "auprc",
    "auprc_estimate",
    "auroc",
    "auroc_difference",
    "auroc_draws",
    "auroc_estimate",
    "bland_altman",
    "bootstrap_interval",
    "bootstrap_ratio_interval",
    "brier",
    "brier_estimate",
    "check_masks",
    "compare_segmentation",
    "confusion",
    "delong",
    "detection_table",
    "ece",
    "ece_estimate",
    "film_mean",
    "film_means",
    "film_median",
    "film_values",
    "icc",
    "mae",
    "mcnemar",
    "mean_difference",
    "pearson",
    "pixel_summary",
    "rate",
    "ratio_difference",
    "reliability",
    "segmentation_table",
    "sensitivity_at",
    "to_dict",
    "weighted_kappa",
    "wilson_interval",
]
