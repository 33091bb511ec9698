"""Published results and the study's own, each with its source, data and averaging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infmap.study.labels import source_name
from infmap.study.pages import Pages, TextTable, figure_value
from infmap.study.records import Figures


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
        "QaTa-COV19, 119,316 films, 2,951 COVID-19 (the whole set; the abstract does not say on "
        "which films each figure is)",
        "F1 83.20 %",
        "sensitivity 94.96 %, specificity 99.88 %",
        "the abstract does not say",
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


def published_table(pages: Pages | None) -> TextTable:
    """Published results, and below them the study's best network by the same conventions."""
    rows = [[p.work, p.source, p.data, p.localization, p.detection, p.convention]
            for p in PUBLISHED]  # fmt: skip
    return TextTable(
        "published",
        "Published results beside this study's, each on its own films.",
        "To know, not to rank: none of the published ones is of this study's films. Dice depends "
        "on how films are averaged; ours is given by each convention.",
        ("work", "source", "films", "localization", "detection", "averaging"),
        [*rows, *(_ours(pages) if pages else ())],
    )


def _ours(pages: Pages) -> Iterator[list[str]]:
    """The best network, and models scored beside the study."""
    found = [(pages.names[run.id], result["held_out"]) for run, result in pages.ranked[:1]]
    found += [(model["model"], model["held_out"]) for model in pages.study.beside()]
    for name, by_source in found:
        figures = by_source.get(pages.source, {})
        films = figures["infection_f1"]["n"] if "infection_f1" in figures else 0
        yield [
            name,
            "this study",
            f"{source_name(pages.source)}, {films} held-out films",
            f"infection F1 {_percent(figures, 'infection_f1')}, Dice "
            f"{_percent(figures, 'infection_dice_film')}, of films with infection "
            f"{_percent(figures, 'infection_dice_positive')}; lungs Dice "
            f"{_percent(figures, 'lungs_dice_film')}",
            f"sensitivity {_percent(figures, 'detection_sensitivity')}, "
            f"specificity {_percent(figures, 'detection_specificity')}",
            "F1 pooled over all pixels; Dice mean per film, films with empty truth included",
        ]


def _percent(figures: Figures, name: str) -> str:
    value = figure_value(figures, name)
    return "not known" if value < 0 else f"{100 * value:.1f} %"
