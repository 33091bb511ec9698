"""The paper's central comparison as tables: infection maps against activation maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from infmap.study.grid import Run
from infmap.study.labels import METHODS, encoder_name, source_name
from infmap.study.latex import cell
from infmap.study.pages import Pages, TextTable, difference, figure_value
from infmap.study.records import ActivationFigures, Beside, Interval, Result
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.study.tables import paired_f1, same_base


def activation_table(pages: Pages) -> Iterator[TextTable]:
    """Activation maps, then the infection maps of the same encoder, inside and outside."""
    sources = [(HELD_OUT, pages.source), *((EXTERNAL, s) for s in pages.outside)]
    keys = ("infection_f1", "energy_in_infection", "pointing")
    rows: list[list[str]] = []
    notes = set()

    def line(of: Run, what: str, by_part: Callable[[str, str], Mapping[str, Interval]]) -> None:
        cells = [cell(by_part(*part).get(key)) for part in sources for key in keys]
        rows.append([encoder_name(of), what, *cells])

    for run, result in pages.done:
        if not run.classifier:
            continue
        for method, figures in result.get("activation_maps", {}).items():
            line(run, METHODS.get(method, method), _parts(figures))
            if figures["channels"]:
                n = figures["held_out"].get(pages.source, {}).get("infection_f1")
                notes.add(
                    f"{METHODS.get(method, method)} weighs {figures['channels']} channels a film, "
                    f"those of the largest variance, on {n['n'] if n else 0} held-out films "
                    "chosen by hash, for it costs a pass a channel."
                )
        for other, found in pages.ranked:
            if same_base(other, run):
                name = pages.names[other.id].partition(",")[0]
                line(run, f"infection map, {name}", _parts(found))
    for model in pages.study.beside():
        cells = [cell(_parts(model)(*part).get(key)) for part in sources for key in keys]
        rows.append([model["model"], f"infection map, {model['size']} pixels", *cells])
        notes.add(
            f"{model['model']} is no network of the grid: it has its own training and input size."
        )
        if model["trained_on"]:
            seen = (f"{n} of {source_name(source)}" for source, n in model["trained_on"].items())
            notes.add(
                f"{model['model']} is not scored on films that it was trained on, or copies of "
                f"them: {', '.join(seen)}."
            )
    head = ["encoder", "map"]
    for _, source in sources:
        head += [f"{source_name(source)}: F1, pooled", "energy inside", "pointing game"]
    yield TextTable(
        "activation",
        "Infection maps and activation maps of classifiers with the same encoder.",
        "Each activation map is cut at its best threshold on the validation films. "
        + " ".join(sorted(notes)),
        head,
        rows,
    )


def _parts(
    figures: Result | ActivationFigures | Beside,
) -> Callable[[str, str], Mapping[str, Interval]]:
    def find(part: str, source: str) -> Mapping[str, Interval]:
        found = figures["held_out"] if part == HELD_OUT else figures["external"]
        return found.get(source, {})

    return find


def gap_table(pages: Pages) -> Iterator[TextTable]:
    """Every infection map minus the best activation map of its encoder."""
    parts = [(HELD_OUT, pages.source), *((EXTERNAL, s) for s in pages.outside)]
    rows = []
    for run, result in pages.done:
        best = best_method(pages, result) if run.classifier else None
        if best is None:
            continue
        maps = pages.study.films(run, best)
        for other, _ in pages.ranked:
            if same_base(other, run):
                films = pages.study.films(other)
                found = [
                    paired_f1(films.part(*p), maps.part(*p), pages.study.config.draws)
                    for p in parts
                ]
                rows.append([
                    pages.names[other.id], METHODS.get(best, best),
                    *(difference(gap) for gap in found),
                ])  # fmt: skip
    yield TextTable(
        "gaps",
        "Pooled F1 of the infection map minus that of the best activation map of its encoder, "
        "paired on the same films.",
        "Which activation map is the best is read from these very films, in its favour.",
        ("network", "best activation map", *(source_name(source) for _, source in parts)),
        rows,
    )


def best_method(pages: Pages, result: Result) -> str | None:
    """The method with the highest pooled F1 on the held-out films, those of few films too."""
    found = {
        method: figure_value(figures["held_out"].get(pages.source, {}), "infection_f1")
        for method, figures in result.get("activation_maps", {}).items()
    }
    return max(found, key=lambda method: found[method]) if found else None
