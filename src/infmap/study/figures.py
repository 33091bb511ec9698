"""The report's figures: matplotlib without pyplot, so that no global state changes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.core.errors import needs_extra
from infmap.core.files import write_bytes
from infmap.study.films import FilmTable
from infmap.study.labels import METHODS, source_name
from infmap.study.records import Gap, OverviewRow, Speed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8f5ba6", "#e08e0b", "#3bb2b8", "#7a5c3e", "#5c677d")
TRUTH, FOUND = "#35c759", "#ff453a"
MOST = 8  # curves in one figure
BESIDE = "beside"
"""In place of a decoder, of a model that is scored beside the study."""


def _axes(width: float = 5.2, height: float = 4.0) -> tuple[Figure, Axes]:
    with needs_extra("infmap study report", "train"):
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
    """A figure as a URI that holds it; the same figure gives the same bytes."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    with rc_context({"svg.hashsalt": "infmap"}):
        figure.savefig(stream, format=kind, dpi=110, metadata=metadata)
    mime = "svg+xml" if kind == "svg" else kind
    return f"data:image/{mime};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def write_picture(address: str, path: Path) -> None:
    """Write what ``uri`` made as a file."""
    write_bytes(path, base64.b64decode(address.partition(",")[2]))


def overview(rows: Sequence[OverviewRow], panels: Sequence[str]) -> str:
    """Networks with their intervals, a panel a figure, grouped by encoder.

    Args:
        rows: from top to bottom; a network that was not run has no figures, and says so.
        panels: names of the figures.
    """
    figure, first = _axes(3.0 + 2.5 * len(panels), 1.0 + 0.27 * len(rows))
    first.remove()
    groups = list(dict.fromkeys(row["group"] for row in rows))
    axes: Axes | None = None
    for column, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), column + 1, sharey=axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e9ee", linewidth=0.7)
        for place, row in enumerate(rows):
            found = row["figures"].get(panel)
            colour = COLOURS[groups.index(row["group"]) % len(COLOURS)]
            if found is None or found["value"] is None:
                said = "not run" if not row["figures"] else ""
                axes.annotate(said, (0.02, place), xycoords=("axes fraction", "data"), fontsize=7,
                              color="#9aa4b2", va="center")  # fmt: skip
                continue
            value = found["value"]
            low, high = (value if end is None else end for end in (found["low"], found["high"]))
            axes.plot([low, high], [place, place], color=colour, linewidth=1.3)
            axes.plot(value, place, "s" if row["frozen"] else "o", color=colour, markersize=5,
                      markerfacecolor="white" if row["frozen"] else colour)  # fmt: skip
        axes.set_xlabel(panel, fontsize=9)
        axes.tick_params(labelsize=8, labelleft=column == 0)
    if axes is not None:
        axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
    return uri(figure)


def examples(files: Sequence[Path], threshold: float) -> str:
    """Films beside the infection map and the activation maps of the same encoder.

    Args:
        files: ``examples.npz`` of the segmentation network, then of the classifier.
        threshold: of the infection map, probability; its outline is drawn.
    """
    columns: list[tuple[str, NDArray[np.uint8]]] = []
    for file in files:
        with np.load(file) as kept:
            images, truth = kept["images"], kept["truth"]
            sources = [str(s) for s in kept["sources"]]
            columns += list(zip((str(n) for n in kept["names"]), kept["maps"]))
    figure, first = _axes(1.55 * (1 + len(columns)), 1.6 * len(images) + 0.3)
    first.remove()
    for row, image in enumerate(images):
        for column in range(1 + len(columns)):
            place = row * (1 + len(columns)) + column + 1
            axes = figure.add_subplot(len(images), 1 + len(columns), place)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            name, levels = ("film, truth", None) if not column else columns[column - 1]
            cut = 255 * threshold
            if levels is not None:
                heat = np.ma.masked_less(levels[row], 8)  # 8 of 255: not to veil the whole film
                axes.imshow(heat, cmap="inferno", vmin=0, vmax=255, alpha=0.55)
            if levels is not None and name == "infection" and (levels[row] >= cut).any():
                axes.contour(levels[row], levels=[cut], colors=[FOUND], linewidths=1)
            if truth[row].any():
                axes.contour(truth[row], levels=[0.5], colors=[TRUTH], linewidths=1)
            if not row:
                axes.set_title(METHODS.get(name, name), fontsize=8)
            if not column:
                axes.set_ylabel(source_name(sources[row]), fontsize=7)
    return uri(figure, "png")


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
    """Pooled F1 over milliseconds per film; the line joins runs that no other beats at both.

    Named are those that none of their decoder beats at both: names of all would hide each other.

    Args:
        rows: each with name, decoder, frozen, ms, f1, low, high and runtime.
    """
    figure, axes = _axes(7.0, 4.2)
    points = sorted(rows, key=lambda r: (r["ms"], -r["f1"]))
    best = -1.0
    front = []
    for row in (point for point in points if point["decoder"] != BESIDE):
        if row["f1"] > best:
            best = row["f1"]
            front.append(row)
    axes.plot([r["ms"] for r in front], [r["f1"] for r in front], color="#9aa4b2", linewidth=1.2,
              drawstyle="steps-post", zorder=1)  # fmt: skip
    decoders = list(dict.fromkeys(r["decoder"] for r in points))
    behind = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.5}
    for row in points:
        colour = COLOURS[decoders.index(row["decoder"]) % len(COLOURS)]
        error = [[max(0.0, row["f1"] - row["low"])], [max(0.0, row["high"] - row["f1"])]]
        axes.errorbar(row["ms"], row["f1"], yerr=error, fmt="s" if row["frozen"] else "o",
                      color=colour, markersize=6, linewidth=1, capsize=2)  # fmt: skip
        if not any(r["decoder"] == row["decoder"] and r["ms"] <= row["ms"] and r["f1"] > row["f1"]
                   for r in points):  # fmt: skip
            axes.annotate(row["name"], (row["ms"], row["f1"]), xytext=(6, 4), fontsize=7,
                          textcoords="offset points", color="#3c4656", zorder=5, bbox=behind
                          )  # fmt: skip
    axes.margins(x=0.25, y=0.12)
    axes.set(xlabel=f"ms per film, {points[0]['runtime']}", ylabel="pooled F1 of infection")
    return uri(figure)


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
