"""Figures of the audit: matplotlib without pyplot, so that no global state changes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from infmap.audit import views
from infmap.audit.counts import Rate
from infmap.audit.patterns import Pattern
from infmap.audit.probes import Probe
from infmap.core.errors import needs_extra
from infmap.metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORDER = (*views.PIXEL_VIEWS, views.HISTOGRAM, views.SIZE)
COLOURS = dict(
    zip(ORDER, ("#17202c", "#d1495b", "#e08e0b", "#8f5ba6", "#1b6ca8", "#7fb2d6"), strict=True)
)
FEWEST_AVERAGED = 100  # films in an average picture: no one film can be recognised in it


def _figure(width: float, height: float) -> Figure:
    with needs_extra("infmap catalog audit", "catalog"):
        from matplotlib import figure as drawing
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    figure = drawing.Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()


def areas(probes: Sequence[Probe]) -> bytes:
    """AUROC of every probe with its interval, grouped by target and films; PNG."""
    groups = list(dict.fromkeys((p.told, p.among) for p in probes))
    groups.sort(key=lambda key: (key[0] != "label", "tested on" in key[1]))
    own = {key: [p for p in probes if (p.told, p.among) == key] for key in groups}
    rows = sum(len(part) for part in own.values()) + 1.4 * len(groups)
    figure = _figure(8.6, 0.9 + 0.235 * rows)
    axes = figure.add_subplot()
    place = 0.0
    for (told, among), part in own.items():
        films = max(p.auroc.n for p in part)
        name = f"{'COVID-19 or not' if told == 'label' else 'Which source'}: {among}"
        axes.text(0.0, place, name, fontsize=9, fontweight="bold", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
        axes.text(1.01, place, f"{films} films", fontsize=8, color="#5b6675", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
        place += 1
        for probe in sorted(part, key=lambda p: ORDER.index(p.view)):
            _bar(axes, place, probe.auroc, COLOURS[probe.view], probe.view)
            place += 1
        place += 0.4
    axes.axvline(0.5, color="#5b6675", linewidth=1, linestyle=":")
    lowest = min([0.4, *(p.auroc.low for p in probes if p.auroc.low == p.auroc.low)])
    axes.set(xlim=(lowest - 0.02, 1.0), ylim=(place, -1), yticks=[], xlabel=(
        "AUROC with its 95 % interval; 0.5 (dotted) is chance, 1 is always right"))  # fmt: skip
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color="#e6e9ee", linewidth=0.7)
    axes.set_axisbelow(True)
    return _png(figure)


def _bar(axes: Axes, place: float, estimate: Estimate, colour: str, name: str) -> None:
    if estimate.low == estimate.low:
        axes.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=2.4,
                  solid_capstyle="butt", alpha=0.55)  # fmt: skip
    axes.plot(estimate.value, place, "o", color=colour, markersize=5.5)
    axes.text(-0.01, place, name, fontsize=8, va="center", ha="right",
              transform=axes.get_yaxis_transform())  # fmt: skip
    axes.text(1.01, place, f"{estimate.value:.2f}", fontsize=8, va="center",
              transform=axes.get_yaxis_transform())  # fmt: skip


def pictured(patterns: Sequence[Pattern]) -> list[Pattern]:
    """The views of the largest group of films whose averages are of enough films to show."""
    enough = [p for p in patterns if min(p.films.values()) >= FEWEST_AVERAGED]
    single = [p for p in enough if p.among != "all sources"] or enough
    if not single:
        return []
    largest = max(single, key=lambda p: sum(p.films.values())).among
    return [p for p in single if p.among == largest]


def patterns(chosen: Sequence[Pattern]) -> bytes:
    """Average film of each class and the probe's pattern, one row per view; PNG."""
    figure = _figure(8.6, 2.25 * len(chosen))
    axes = figure.subplots(len(chosen), 4, squeeze=False, width_ratios=(1, 1, 1, 1.12))
    limit = max(float(np.nanmax(np.abs(p.correlation))) for p in chosen)
    for row, pattern in zip(axes, chosen):
        means = [pattern.means[name] for name in sorted(pattern.means)]
        titles = [f"{name}, {pattern.films[name]} films" for name in sorted(pattern.means)]
        for place, mean, title in zip(row, means, titles):
            place.imshow(mean, cmap="gray", vmin=0, vmax=1)
            place.set_title(f"average: {title}", fontsize=7.5)
        gap = means[0] - means[1]
        most = max(float(np.abs(gap).max()), 0.05)
        row[2].imshow(gap, cmap="PuOr_r", vmin=-most, vmax=most)
        row[2].set_title(f"difference, up to {most:.2f}", fontsize=7.5)
        shown = row[3].imshow(pattern.correlation, cmap="PuOr_r", vmin=-limit, vmax=limit)
        row[3].set_title("pattern of the probe", fontsize=7.5)
        bar = figure.colorbar(shown, ax=row[3], fraction=0.046, pad=0.02)
        bar.ax.tick_params(labelsize=6)
        row[0].set_ylabel(pattern.view, fontsize=9)
        for place in row:
            place.set(xticks=[], yticks=[])
            place.spines[:].set_visible(False)
    return _png(figure)


def writing(rates: Sequence[Rate]) -> bytes:
    """Share of films with writing or a marker, by source and class, with its interval; PNG."""
    figure = _figure(7.6, 0.8 + 0.3 * len(rates))
    axes = figure.add_subplot()
    for place, rate in enumerate(rates):
        colour = "#d1495b" if rate.among.endswith("COVID-19") else "#1b6ca8"
        value = rate.marked
        axes.plot([100 * value.low, 100 * value.high], [place, place], color=colour, linewidth=2.4,
                  alpha=0.55, solid_capstyle="butt")  # fmt: skip
        axes.plot(100 * value.value, place, "o", color=colour, markersize=5.5)
        axes.text(1.01, place, f"{value.n} films", fontsize=8, color="#5b6675", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_yticks(range(len(rates)), [rate.among for rate in rates], fontsize=8)
    axes.set(xlim=(0, 100), ylim=(len(rates) - 0.4, -0.6),
             xlabel="% of films with writing or a marker, 95 % interval")  # fmt: skip
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color="#e6e9ee", linewidth=0.7)
    axes.set_axisbelow(True)
    return _png(figure)
