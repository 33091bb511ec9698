"""Published results, each with its data and its averaging convention; never put in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published result.

    Attributes:
        work: who and when.
        data: films it was measured on.
        localization: its figure; empty where it gives none.
        detection: its figure.
        convention: how films were averaged, and what is not sure.
    """

    work: str
    data: str
    localization: str
    detection: str
    convention: str


PUBLISHED = (
    Published(
        "Degerli et al. 2021 (the method of infmap)",
        "QaTa-COV19, 119,316 films, 2,951 COVID-19",
        "F1 83.20 %",
        "sensitivity 94.96 %, specificity 99.88 %",
        "averaging of F1 not stated in the sources at hand",
    ),
    Published(
        "OSegNet 2022",
        "121,378 films, 9,258 COVID-19",
        "",
        "accuracy 99.65 %",
        "per film",
    ),
    Published(
        "Tahir et al. 2021",
        "COVID-QU-Ex",
        "infection Dice 88.21 %, IoU 83.05 %; lungs Dice 97.99 %, IoU 96.11 %",
        "sensitivity > 99 %, specificity > 99 %",
        "mean per film, films with empty truth included",
    ),
    Published(
        "ReCovNet 2021",
        "124,616 films",
        "",
        "sensitivity 98.57 %, specificity 99.77 %",
        "per film; figures from memory, not verified",
    ),
    Published(
        "best image-only result on QaTa-COV19 v2",
        "2,113 test films",
        "Dice 87.56 %, IoU 77.87 %",
        "",
        "pooled over pixels",
    ),
    Published(
        "nnU-Net on QaTa-COV19 v2",
        "2,113 test films",
        "Dice 80.42 %, IoU 70.81 %",
        "",
        "mean per film",
    ),
)
