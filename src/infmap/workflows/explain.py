"""Activation maps of the classifier, beside the infection map: files for many films."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infmap.api import load, model_folder
from infmap.core.errors import FilmError, RejectedFilm, UsageError, needs_extra
from infmap.core.spreadsheet import cell
from infmap.core.types import Prediction
from infmap.dicom import read_radiograph
from infmap.explain import METHODS, STRIDES, activation_maps
from infmap.inference import Predictor
from infmap.inference.preprocess import to_film
from infmap.report import film_ids, overlay
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.overlay import to_bytes

if TYPE_CHECKING:
    from infmap.models import Network

Track = Callable[[Iterable[tuple[str, str]], int], Iterable[tuple[str, str]]]
"""Passes films (id, path) on, given how many there are, and shows how far they are."""
# Two panels fill a screen.
PANEL = 768
"""Longest side of one picture of an overlay, pixels."""
COLUMNS = (
    "id",
    "path",
    "status",
    "reason",
    "model",
    "covid_probability",
    "map",
    "energy_in_lungs",
    "energy_in_infected",
    "peak_row",
    "peak_column",
    "peak_in_infected",
)


class MapFigures(TypedDict, total=False):
    """Where a map lies, film pixels; None where it is blank, or what it is set against is empty."""

    energy_in_lungs: float | None
    energy_in_infected: float | None
    peak_row: int | None
    peak_column: int | None
    peak_in_infected: bool | None


class Line(TypedDict, total=False):
    """A line of ``explain.jsonl``; a film that could not be explained has the first four fields."""

    id: str
    path: str
    status: Literal["ok", "rejected", "failed"]
    reason: str | None
    model: str
    covid_probability: float
    stride: int
    maps: dict[str, MapFigures]


@dataclass(frozen=True, eq=False)
class Run:
    """How films are explained and where the results go.

    Attributes:
        out: the results' folder.
        methods: keys of ``infmap.explain.METHODS``.
        stride: of the feature map.
        predictor: gives the infection map.
        network: the same model's torch network, gives the activation maps.
    """

    out: Path
    methods: Sequence[str]
    stride: int
    predictor: Predictor
    network: Network


def open_run(out: Path, model: str | None, methods: Sequence[str], stride: int) -> Run:
    """A model's predictor and torch network, ready to explain films.

    Args:
        out: the results' folder.
        model: model folder or name; None for the shipped one.
        methods: keys of ``infmap.explain.METHODS``; each counts once.
        stride: of the feature map, one of ``infmap.explain.STRIDES``.

    Raises:
        UsageError: no such method or stride.
        ModelError: the model folder is damaged or has no torch weights.
        MissingExtra: torch is not installed.
    """
    chosen = _methods(methods, stride)
    folder = model_folder(model)
    network = _network(folder)
    return Run(out, chosen, stride, load(folder).predictor, network)


def explain_films(
    run: Run,
    paths: Sequence[str],
    *,
    track: Track = lambda films, total: films,
    tell: Callable[[Line], None] = lambda line: None,
) -> list[Line]:
    """Explain films one after the other and write all results; the lines of ``explain.jsonl``.

    Args:
        run: how, and where to.
        paths: the films' files.
        track: see ``Track``.
        tell: called with each line as soon as its film is done.

    Raises:
        UsageError: a result cannot be written.
    """
    make_folder(run.out)
    todo = list(zip(film_ids(paths), paths, strict=True))
    lines = []
    with writing(run.out / "explain.jsonl"), (run.out / "explain.jsonl").open("w") as log:
        for film_id, path in track(todo, len(todo)):
            lines.append(_explain(run, film_id, path))
            log.write(json.dumps(lines[-1]) + "\n")
            log.flush()
            tell(lines[-1])
    _write_table(run.out / "explain.csv", lines)
    return lines


def _methods(given: Sequence[str], stride: int) -> list[str]:
    """Methods asked for, each once, checked before anything is loaded."""
    unknown = [name for name in given if name not in METHODS]
    if unknown:
        raise UsageError(f"--method: expected one of {', '.join(METHODS)}, got {unknown[0]!r}")
    if stride not in STRIDES:
        raise UsageError(f"--stride: expected one of {', '.join(map(str, STRIDES))}, got {stride}")
    return list(dict.fromkeys(given))


def _network(folder: Path) -> Network:
    with needs_extra("infmap explain", "train"):
        from infmap.models.folder import load_network

        return load_network(folder)


def _explain(run: Run, film_id: str, path: str) -> Line:
    """Write one film's maps and overlay; its line."""
    try:
        film = run.predictor.prepare(read_radiograph(path))
        maps, logits = run.predictor.run(film.plane[None])
        prediction = run.predictor.postprocess(film, maps[0], logits[0])
    except RejectedFilm as error:
        return {"id": film_id, "path": path, "status": "rejected", "reason": error.reason}
    except FilmError as error:
        return {"id": film_id, "path": path, "status": "failed", "reason": error.reason}
    except MemoryError:
        reason = "too large for this machine's memory: reduce the film first"
        return {"id": film_id, "path": path, "status": "failed", "reason": reason}
    planes = {}
    for method in run.methods:
        plane = activation_maps(run.network, film.plane[None, None], method, stride=run.stride)
        planes[method] = to_film(plane[0], film.fit)
        _write_map(run.out, method, film_id, planes[method])
    _write_overlay(run.out, film_id, prediction, planes)
    return {
        "id": film_id,
        "path": path,
        "status": "ok",
        "reason": None,
        "model": prediction.model,
        "covid_probability": round(prediction.covid_probability, 5),
        "stride": run.stride,
        "maps": {
            name: _figures(plane, prediction)
            for name, plane in {**planes, "infection": prediction.infection}.items()
        },
    }


def _figures(plane: NDArray[np.float32], prediction: Prediction) -> MapFigures:
    """Where a map (H, W) lies, against the lungs and the infected region that were found."""
    total = float(plane.sum(dtype=np.float64))
    row, column = (int(i) for i in np.unravel_index(int(plane.argmax()), plane.shape))

    def share(mask: NDArray[np.bool_]) -> float | None:
        inside = float(plane[mask].sum(dtype=np.float64))
        return round(inside / total, 5) if total and mask.any() else None

    return {
        "energy_in_lungs": share(prediction.lungs),
        "energy_in_infected": share(prediction.infected),
        "peak_row": row if total else None,
        "peak_column": column if total else None,
        "peak_in_infected": bool(prediction.infected[row, column]) if total else None,
    }


def _write_map(out: Path, method: str, film_id: str, plane: NDArray[np.float32]) -> None:
    _save(Image.fromarray(to_bytes(plane)), out / "activation" / method / f"{film_id}.png")


def _write_overlay(
    out: Path, film_id: str, prediction: Prediction, planes: dict[str, NDArray[np.float32]]
) -> None:
    """The activation maps over the film, then the infection map over it, in one picture.

    All panels have the contours of the lungs and of the infected region that were found.
    """
    panels = [
        (f"activation map, {method}", overlay(replace(prediction, infection=plane), caption=""))
        for method, plane in planes.items()
    ]
    panels.append(("infection map", overlay(prediction)))
    _save(_side_by_side(panels), out / "overlays" / f"{film_id}.png")


def _side_by_side(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures of one size in a row, each under its title, reduced to ``PANEL`` pixels."""
    for _, picture in panels:
        picture.thumbnail((PANEL, PANEL))
    width, height = panels[0][1].size
    size = max(9, min(24, width // 20))
    strip, font = size + size // 2, ImageFont.load_default(size)
    sheet = Image.new("RGB", (width * len(panels), height + strip))
    draw = ImageDraw.Draw(sheet)
    for place, (title, picture) in enumerate(panels):
        sheet.paste(picture, (place * width, strip))
        draw.text((place * width + size // 3, size // 6), title, fill=(255, 255, 255), font=font)
    return sheet


def _save(picture: Image.Image, path: Path) -> None:
    def fill(stream: IO[bytes]) -> None:
        picture.save(stream, format="PNG", compress_level=1)

    make_folder(path.parent)
    write_atomically(path, fill)


def _write_table(path: Path, lines: Sequence[Line]) -> None:
    """One row per film and map; a film without maps has one row with its reason."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in (row for line in lines for row in _rows(line)):
        table.writerow({name: cell(value) for name, value in row.items()})
    write_atomically(path, lambda stream: stream.write(text.getvalue().encode()))


def _rows(line: Line) -> Iterator[dict[str, object]]:
    for name, figures in line["maps"].items() if "maps" in line else [("", MapFigures())]:
        yield {**line, "map": name, **figures}
