"""The figures of a study's report, from the runs that have what each shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from infmap.study import figures
from infmap.study.labels import ENCODERS, METHODS, source_name
from infmap.study.pages import Pages
from infmap.study.records import Cell, Gap, Interval, OverviewRow, Row, Speed
from infmap.study.study import EXAMPLES
from infmap.study.tables import same_base

BEST = 2
"""Networks whose films and involvement are drawn."""
CURVES = 8
"""Networks and classifiers in a figure of curves."""


class Picture(TypedDict):
    """A figure of one run, as an address that a page can hold."""

    name: str
    picture: str


class Figures(TypedDict, total=False):
    """The page's figures; one that no run has the films for is absent."""

    overview: str
    examples: Picture
    panels: list[Picture]
    share: list[Picture]
    roc: str
    recall: str
    calibration: str
    frontier: str
    gaps: str


def draw_figures(pages: Pages, activations: Sequence[Row]) -> Figures:
    """Every figure that the runs have the films for.

    Args:
        pages: the runs.
        activations: rows of ``activation_rows``.
    """
    study, out = pages.study, Figures(panels=[], share=[])
    shown = [*pages.ranked, *(pair for pair in pages.done if pair[0].classifier)]
    detected = {}
    for run, _ in shown[:CURVES]:
        part = pages.films(run).with_class().known("covid_probability")
        if part.covid.any() and not part.covid.all():
            detected[pages.names[run.id]] = part
    if detected:
        out["roc"], out["recall"] = figures.curves(detected)
        out["calibration"] = figures.calibration(detected)
    for run, _ in pages.ranked[:BEST]:
        name, file = pages.names[run.id], study.path(run) / "panel.npz"
        if file.exists():
            out["panels"].append({"name": name, "picture": figures.panel(file)})
        part = pages.films(run).known("infected_share_true", "infected_share_predicted")
        if len(part) >= 3:
            picture = figures.bland_altman(part, study.config.draws)
            out["share"].append({"name": name, "picture": picture})
    if pages.ranked:
        out["overview"] = _overview(pages)
    if speeds := _speeds(pages):
        out["frontier"] = figures.frontier(speeds)
    gaps = [gap for row in activations if (gap := _gap(pages, row))]
    if gaps:
        out["gaps"] = figures.gaps(gaps)
    if beside := _examples(pages):
        out["examples"] = beside
    return out


def write_pictures(drawn: Figures, folder: Path) -> None:
    """Write the figures that a page of the documentation shows, as SVG; old ones go."""
    shares = drawn["share"]
    addresses = {
        "overview": drawn.get("overview"),
        "frontier": drawn.get("frontier"),
        "involvement": shares[0]["picture"] if shares else None,
        "reliability": drawn.get("calibration"),
        "gaps": drawn.get("gaps"),
    }
    for name, address in addresses.items():
        file = folder / f"{name}.svg"
        if address is None:
            file.unlink(missing_ok=True)
        else:
            figures.write_picture(address, file)


def _overview(pages: Pages) -> str:
    """All networks of the grid, those that were not run too, in its order by encoder."""
    of = {run.id: result for run, result in pages.done}
    inside = source_name(pages.source)
    panels = [f"F1, pooled: {inside}", f"AUROC: {inside}"]
    panels += [f"Dice of infected films: {source_name(source)}" for source in pages.outside[:1]]
    rows: list[OverviewRow] = []
    for run in pages.study.runs:
        if run.classifier or pages.study.repeats(run):
            continue
        found: list[Interval | None] = []
        if run.id in of:
            values = pages.inside(of[run.id])
            found = [values.get("infection_f1"), values.get("detection_auroc")]
            found += [
                of[run.id]["external"].get(source, {}).get("infection_dice_positive")
                for source in pages.outside[:1]
            ]
        rows.append({
            "name": pages.names[run.id],
            "group": ENCODERS.get(run.encoder, run.encoder),
            "frozen": run.frozen,
            "figures": {panel: figure for panel, figure in zip(panels, found) if figure},
        })  # fmt: skip
    return figures.overview(rows, panels)


def _examples(pages: Pages) -> Picture | None:
    """The best network that has a classifier of its encoder, both with their films."""
    for run, result in pages.ranked:
        for other, _ in pages.done:
            files = [pages.study.path(r) / EXAMPLES for r in (run, other)]
            if other.classifier and same_base(run, other) and all(f.exists() for f in files):
                threshold = result["thresholds"]["infection"]
                picture = figures.examples(files, threshold)
                return {"name": pages.names[run.id], "picture": picture}
    return None


def _speeds(pages: Pages) -> list[Speed]:
    """Networks, and models scored beside them, that were timed in turns."""
    speeds = pages.study.speeds()
    if speeds is None:
        return []
    timed = speeds["networks"]
    points: list[tuple[str, str, str, bool, Mapping[str, Interval]]] = [
        (run.id, pages.names[run.id], run.decoder, run.frozen, pages.inside(result))
        for run, result in pages.ranked
    ]
    points += [
        (
            model["model"],
            model["model"],
            figures.BESIDE,
            False,
            model["held_out"].get(pages.source, {}),
        )
        for model in pages.study.beside()
    ]
    rows: list[Speed] = []
    for key, name, decoder, frozen, found in points:
        figure = found.get("infection_f1")
        if key not in timed or figure is None or figure["value"] is None:
            continue
        f1 = figure["value"]
        low, high = (f1 if end is None else end for end in (figure["low"], figure["high"]))
        rows.append({"name": name, "decoder": decoder, "frozen": frozen, "ms": timed[key]["ms"],
                     "f1": f1, "low": low, "high": high, "runtime": speeds["runtime"]})  # fmt: skip
    return rows


def _gap(pages: Pages, row: Row) -> Gap | None:
    """Of the held-out films alone."""
    f1, gap = number(row.get("infection_f1")), number(row.get("f1_gap"))
    if row["source"] != pages.source or f1 is None or gap is None:
        return None
    method, against = str(row["method"]), pages.names[str(row["against"])]
    return {"label": f"{METHODS.get(method, method)}, {against}", "f1": f1, "gap": gap,
            "low": number(row["f1_gap_low"]), "high": number(row["f1_gap_high"])}  # fmt: skip


def number(value: Cell) -> float | None:
    """A cell of a table as a number; None where it is empty."""
    return None if value is None else float(value)
