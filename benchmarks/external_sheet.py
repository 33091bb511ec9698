"""Contact sheets of the films that a model reads worst, for a person to look at.

The pictures show films of other people's collections: they stay out of the repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from infmap.report.overlay import colour_table
from infmap.study.by_source import ScoredFilms, by_class, drawn

FILMS, COLUMNS = 24, 6
"""Films of a sheet, and beside each other."""


def write_sheets(
    films: ScoredFilms, planes: Mapping[tuple[str, str], Any], folder: Path
) -> list[Path]:
    """Write one PNG a kind of failure: each film, and beside it what was read and drawn on it.

    Args:
        films: scored films.
        planes: (film_id, set) to the film uint8 (S, S), maps uint8 (3, S, S) and the bits of what
            was drawn uint8 (S, S), see ``infmap.training.dataset.Films``.
        folder: where the pictures go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    outside = films.left_out
    for name, plane, worst_first in _kinds(outside):
        tiles = []
        for i in worst_first[:FILMS]:
            film_id = str(outside.table.text["film_id"][i])
            values = {k: float(v[i]) for k, v in outside.table.values.items()}
            tiles.append(_tile(*planes[film_id, "left-out"], plane, film_id, values))
        if tiles:
            written.append(folder / f"{name}.png")
            _sheet(tiles).save(written[-1])
    return written


def _kinds(films: ScoredFilms) -> Iterator[tuple[str, int, NDArray[np.intp]]]:
    """Name of a kind of failure, the map it shows (0 infection, 1 opacity), films worst first."""
    v = films.table.values
    covid, other, normal = by_class(films.table)
    infected, opaque = drawn(films.table)
    share = np.nan_to_num(v["infected_share_predicted"])
    found = np.nan_to_num(v["opaque_share_predicted"])
    for name, plane, keep, order in (
        ("normal-called-covid19", 0, normal & (v["covid_detected"] > 0), -v["covid_probability"]),
        ("covid19-missed", 0, covid & (v["covid_detected"] == 0), v["covid_probability"]),
        ("known-empty-with-infection", 0, films.known_empty & (share > 0.01), -share),
        ("normal-with-opacity", 1, normal & (found >= 0.02), -found),
        ("opacity-missed", 1, other & (found < 0.02), found),
        ("infection-dice-lowest", 0, covid & infected, v["dice"]),
        ("opacity-dice-lowest", 1, other & opaque, v["opacity_dice"]),
    ):
        places = np.flatnonzero(keep)
        yield name, plane, places[np.argsort(order[places], kind="stable")]


def _tile(
    film: Any, maps: Any, bits: Any, plane: int, film_id: str, values: Mapping[str, float]
) -> Image.Image:
    """A film with the network's map, the outline of what was drawn in green, and its figures."""
    grey = Image.fromarray(film).convert("RGBA")
    tint = colour_table("opacity" if plane else "infection")[maps[plane]]
    shown = Image.alpha_composite(grey, Image.fromarray(tint, "RGBA"))
    truth = (bits >> plane) & 1 > 0
    edge = truth & ~_eroded(truth)
    pixels = np.array(shown)
    pixels[edge] = (0, 255, 0, 255)
    size = film.shape[0]
    tile = Image.new("RGB", (2 * size, size + 30))
    tile.paste(grey.convert("RGB"), (0, 0))
    tile.paste(Image.fromarray(pixels).convert("RGB"), (size, 0))
    text = ImageDraw.Draw(tile)
    text.text((3, size + 2), film_id[-70:], fill="white")
    text.text(
        (3, size + 15),
        f"probability {values['covid_probability']:.2f}  "
        f"infected {values['infected_share_predicted']:.1%}  "
        f"opaque {values['opaque_share_predicted']:.1%}  "
        f"Dice {values['opacity_dice' if plane else 'dice']:.2f}",
        fill="white",
    )
    return tile


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = np.pad(mask, 1)
    return np.asarray(
        wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:], dtype=np.bool_
    )


def _sheet(tiles: list[Image.Image]) -> Image.Image:
    width, height = tiles[0].size
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(tiles)) * width, rows * height))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % COLUMNS * width, i // COLUMNS * height))
    return sheet
