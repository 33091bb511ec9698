"""The report's figures: matplotlib without pyplot, so that no global state changes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infmap import metrics
from infmap.core.errors import needs_extra
from infmap.study.films import FilmTable
from infmap.study.records import Gap, Speed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8f5ba6", "#e08e0b", "#3bb2b8", "#7a5c3e", "#5c677d")
TRUTH, FOUND = "#35c759", "#ff453a"
MOST = 8  # curves in one figure


def _axes(width: float = 5.2, height: float = 4.0) -> tuple[Figure, Axes]:
    with needs_extra("infmap benchmark report", "train"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e9ee", linewidth=0.7)
    axes.set_axisbelow(True)
    return figure, axes


def uri(figure: Figure, kind: str = "svg") -> str:
    """A figure as a URI that holds it."""
    stream = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    figure.savefig(stream, format=kind, dpi=110, metadata=metadata)
    mime = "svg+xml" if kind == "svg" else kind
    return f"data:image/{mime};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def curves(tables: Mapping[str, FilmTable]) -> tuple[str, str]:
    """ROC and precision-recall curves of detection by the class head, one a run."""
    roc, left = _axes()
    recall, right = _axes()
    for (name, table), colour in zip(list(tables.items())[:MOST], COLOURS):
        truth, score = table.covid, table.values["covid_probability"]
        order = np.argsort(-score, kind="stable")
        last = np.append(np.diff(score[order]) != 0, True)
        tp = np.cumsum(truth[order])[last]
        fp = np.cumsum(~truth[order])[last]
        area = metrics.auroc(truth, score)
        x, y = np.append(0, fp / fp[-1]), np.append(0, tp / tp[-1])
        left.plot(x, y, color=colour, label=f"{name} ({area:.3f})", linewidth=1.6)
        area = metrics.auprc(truth, score)
        right.step(
            np.append(0, tp / tp[-1]),
            np.append(1, tp / (tp + fp)),
            where="pre",
            color=colour,
            label=f"{name} ({area:.3f})",
            linewidth=1.6,
        )
    left.plot([0, 1], [0, 1], color="#9aa4b2", linestyle=":", linewidth=1)
    for axes, across, up in (
        (left, "1 - specificity", "sensitivity"),
        (right, "recall (sensitivity)", "precision"),
    ):
        axes.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.legend(fontsize=7, frameon=False, loc="lower right" if axes is left else "lower left")
    return uri(roc), uri(recall)


def calibration(tables: Mapping[str, FilmTable]) -> str:
    """Observed share of COVID-19 over the probability given, in ten bins."""
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color="#9aa4b2", linestyle=":", linewidth=1)
    for (name, table), colour in zip(list(tables.items())[:MOST], COLOURS):
        values, groups = table.values["covid_probability"], table.text["group"]
        bins = metrics.reliability(table.covid, values, groups, 10)
        keep = bins.films > 0
        axes.plot(bins.predicted[keep], bins.observed[keep], color=colour, marker="o",
                  markersize=4, linewidth=1.2, label=name)  # fmt: skip
        axes.vlines(bins.predicted[keep], bins.low[keep], bins.high[keep], color=colour, alpha=0.35)
    axes.set(xlabel="mean probability", ylabel="share with COVID-19", xlim=(-0.02, 1.02),
             ylim=(-0.02, 1.04))  # fmt: skip
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    return uri(figure)


def bland_altman(table: FilmTable, draws: int) -> str:
    """Difference of lung involvement over its mean, with the limits of agreement."""
    true, found = (table.values[f"infected_share_{k}"] for k in ("true", "predicted"))
    limits = metrics.bland_altman(true, found, metrics.Bootstrap(table.text["group"], draws))
    figure, axes = _axes()
    axes.scatter(50 * (true + found), 100 * (found - true), s=12, color=COLOURS[0], alpha=0.5,
                 linewidths=0)  # fmt: skip
    for estimate, style in ((limits.bias, "-"), (limits.lower, "--"), (limits.upper, "--")):
        axes.axhline(100 * estimate.value, color=COLOURS[1], linestyle=style, linewidth=1.2)
        if np.isfinite(estimate.low):
            axes.axhspan(100 * estimate.low, 100 * estimate.high, color=COLOURS[1], alpha=0.08)
    axes.set(xlabel="mean of true and found share, % of the lungs", ylabel="found minus true, %")
    return uri(figure)


def frontier(rows: Sequence[Speed]) -> str:
    """``draw_frontier`` as an address that a page can hold."""
    return uri(draw_frontier(rows))


def draw_frontier(rows: Sequence[Speed]) -> Figure:
    """Pooled F1 over milliseconds per film; the line joins runs that none beats at both.

    Args:
        rows: each with name, decoder, frozen, ms, f1, low, high and runtime.

    Returns:
        a figure of matplotlib.
    """
    figure, axes = _axes(7.0, 4.2)
    points = sorted(rows, key=lambda r: (r["ms"], -r["f1"]))
    best = -1.0
    front = []
    for row in points:
        if row["f1"] > best:
            best = row["f1"]
            front.append(row)
    axes.plot([r["ms"] for r in front], [r["f1"] for r in front], color="#9aa4b2", linewidth=1.2,
              drawstyle="steps-post", zorder=1)  # fmt: skip
    decoders = list(dict.fromkeys(r["decoder"] for r in points))
    for row in points:
        colour = COLOURS[decoders.index(row["decoder"]) % len(COLOURS)]
        error = [[max(0.0, row["f1"] - row["low"])], [max(0.0, row["high"] - row["f1"])]]
        axes.errorbar(row["ms"], row["f1"], yerr=error, fmt="s" if row["frozen"] else "o",
                      color=colour, markersize=6, linewidth=1, capsize=2)  # fmt: skip
        axes.annotate(row["name"], (row["ms"], row["f1"]), xytext=(6, 4), fontsize=7,
                      textcoords="offset points", color="#3c4656")  # fmt: skip
    axes.margins(x=0.25, y=0.12)
    axes.set(xlabel=f"ms per film, {points[0]['runtime']}", ylabel="pooled F1 of infection")
    return figure


def gaps(rows: Sequence[Gap]) -> str:
    """Pooled F1 of activation maps and of the segmentation network of the same encoder."""
    figure, axes = _axes(7.0, 0.9 + 0.38 * len(rows))
    names = [row["label"] for row in rows]
    places = np.arange(len(rows))
    for place, row in zip(places, rows):
        other = row["f1"] + row["gap"]
        axes.plot([row["f1"], other], [place, place], color="#c9d1dc", linewidth=2)
        axes.plot(row["f1"], place, "o", color=COLOURS[1], markersize=7,
                  label="activation map" if place == 0 else None)  # fmt: skip
        axes.plot(other, place, "o", color=COLOURS[0], markersize=7,
                  label="infection map" if place == 0 else None)  # fmt: skip
        low, high = row["low"], row["high"]
        if low is not None and high is not None and not math.isnan(low):
            ends = [row["f1"] + low, row["f1"] + high]
            axes.plot(ends, [place, place], color=COLOURS[0], linewidth=1)
    axes.set_yticks(places, names, fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="pooled F1 on the held-out films", xlim=(-0.02, 1.02))
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return uri(figure)


def panel(file: Path) -> str:
    """Best, median and worst films of a run, the true and the found outline on each."""
    with np.load(file) as kept:
        arrays = {name: kept[name] for name in kept.files}
    count = len(arrays["kind"])
    figure, first = _axes(2.0 * count, 2.5)
    first.remove()
    for i in range(count):
        axes = figure.add_subplot(1, count, i + 1)
        axes.imshow(arrays["images"][i], cmap="gray", vmin=0, vmax=255)
        for name, colour in (("truth", TRUTH), ("predicted", FOUND)):
            mask = arrays[name][i]
            if mask.any() and not mask.all():
                axes.contour(mask, levels=[0.5], colors=[colour], linewidths=1.1)
        axes.set_title(f"{arrays['kind'][i]}: Dice {arrays['dice'][i]:.2f}", fontsize=9)
        axes.axis("off")
    return uri(figure, "png")
