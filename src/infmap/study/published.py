"""Published results, each with its source, data and averaging; never put in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published result.

    Attributes:
        work: who and when.
        source: where it is published.
        data: films it was measured on.
        localization: its figure.
        detection: its figure.
        convention: how films were averaged.
    """

    work: str
    source: str
    data: str
    localization: str
    detection: str
    convention: str


PUBLISHED = (
    Published(
        "Degerli et al. 2021 (the method of infmap)",
        "Health Information Science and Systems 9:15, doi:10.1007/s13755-021-00146-8",
        "QaTa-COV19, 119,316 films, 2,951 COVID-19",
        "F1 83.20 %",
        "sensitivity 94.96 %, specificity 99.88 %",
        "not known here",
    ),
    Published(
        "Tahir et al. 2021",
        "Computers in Biology and Medicine 139, doi:10.1016/j.compbiomed.2021.105002",
        "COVID-QU-Ex",
        "infection Dice 88.21 %, IoU 83.05 %; lungs Dice 97.99 %, IoU 96.11 %",
        "sensitivity > 99 %, specificity > 99 %",
        "mean per film, films with empty truth included",
    ),
)
