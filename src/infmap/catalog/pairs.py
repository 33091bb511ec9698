"""A page of pairs of films for a reader to confirm or reject, and the decisions that it saves."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.catalog.renamed import current_film_id
from infmap.catalog.rows import DuplicatePair, pair_rows
from infmap.catalog.store import Catalog, make_frame
from infmap.core.errors import FilmError, UsageError, needs_extra
from infmap.dedup.duplicates import CONFIRMED, REJECTED, duplicate_groups
from infmap.dedup.thumbnails import content_box, to_bytes
from infmap.dicom import read_radiograph
from infmap.sources.tables import read_table

COLUMNS = ("film_a", "film_b", "verdict")
VERDICTS = (CONFIRMED, REJECTED)
# Pairs on a page, so that browsers still open it. Chosen by hand.
MOST = 500
# Pixels: twice what fits in a row of four on a laptop's screen.
_SIDE = 320
_DETAILS = ("source", "patient_id", "offset_days", "view", "width", "height", "official_split")
_TEMPLATE = Path(__file__).with_name("pairs.html.j2")

Plane = NDArray[np.uint8]


def write_pairs(catalog: Catalog, out: Path, most: int = MOST) -> int:
    """Write one page, complete in itself, that shows pairs side by side and laid over each other.

    Pairs that no reader has decided on come first, the most doubtful of them at the top. Pairs of
    the same bytes or pixels leave no doubt and are not shown. The page saves ``decisions.csv``.

    Args:
        catalog: after ``deduplicate``.
        out: the HTML file.
        most: pairs shown; the rest is counted on the page.

    Returns:
        Pairs shown.

    Raises:
        SnapshotError: nothing was ingested yet.
        MissingExtra: OpenCV is not installed.
    """
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    films = catalog.film_frame()
    place = {name: i for i, name in enumerate(films["film_id"])}
    rows = [
        r for r in pair_rows(catalog.frame("duplicates")) if r["kind"] not in ("bytes", "pixels")
    ]
    rows = [r for r in rows if r["film_a"] in place and r["film_b"] in place]
    rows.sort(key=lambda r: (r["verdict"] is not None, r["score"] or 0.0, r["film_a"], r["film_b"]))
    thumbs = catalog.pictures()
    shown = []
    for row in rows[:most]:
        indices = (place[row["film_a"]], place[row["film_b"]])
        pair = [films.row(i, named=True) for i in indices]
        shown.append(_pair(catalog, row, pair, [np.asarray(thumbs[i]) for i in indices]))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE.parent), autoescape=select_autoescape(("html.j2",))
    )
    text = environment.get_template(_TEMPLATE.name).render(pairs=shown, total=len(rows))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return len(shown)


def read_decisions(catalog: Catalog, path: Path) -> int:
    """Take over the verdicts of a ``decisions.csv``: they count now and in every later run.

    A film of a pair that the catalog does not have is passed over; a pair that was not found is
    taken as said, with the kind "judged".

    Args:
        catalog: where the pairs are.
        path: a CSV file with the columns film_a, film_b, verdict ("confirmed" or "rejected"; an
            empty verdict takes an earlier one back).

    Returns:
        Verdicts taken over.

    Raises:
        UsageError: the file cannot be read or a line of it is wrong.
        SnapshotError: nothing was ingested yet, or another process is writing.
    """
    verdicts = _read_table(path)
    with catalog.lock():
        films = catalog.film_frame()
        names = films["film_id"].to_list()
        there = set(names)
        rows = {(r["film_a"], r["film_b"]): r for r in pair_rows(catalog.frame("duplicates"))}
        taken = 0
        for pair, verdict in verdicts.items():
            if there.issuperset(pair):
                new: DuplicatePair = {
                    "film_a": pair[0], "film_b": pair[1], "kind": "judged", "score": None,
                }  # fmt: skip
                rows[pair] = {**rows.get(pair, new), "verdict": verdict}
                taken += 1
        kept = [rows[pair] for pair in sorted(rows)]
        clusters = duplicate_groups(names, [r for r in kept if there.issuperset(_names(r))])
        column = make_frame("films", [{"duplicate_group": clusters[name]} for name in names])
        known = films["duplicate_group"].null_count() == 0
        tables = {"duplicates": make_frame("duplicates", kept)}
        if known:
            tables["films"] = films.with_columns(column["duplicate_group"])
        catalog.commit(tables)
    return taken


def _names(row: DuplicatePair) -> tuple[str, str]:
    return row["film_a"], row["film_b"]


def _read_table(path: Path) -> dict[tuple[str, str], str | None]:
    """Pair, in order, to verdict."""
    verdicts: dict[tuple[str, str], str | None] = {}
    for number, line in enumerate(read_table(path, COLUMNS), 2):
        a, b, verdict = (line[name] for name in COLUMNS)
        a, b = current_film_id(a), current_film_id(b)
        verdict = verdict.lower()
        if verdict not in ("", *VERDICTS) or not a or not b or a == b:
            raise UsageError(
                f"{path}, line {number}: expected two films and confirmed, rejected or nothing, "
                f"got {a!r}, {b!r}, {verdict!r}"
            )
        # In order of the names: a person may name a pair either way round.
        verdicts[min(a, b), max(a, b)] = verdict or None
    return verdicts


def _pair(
    catalog: Catalog,
    row: DuplicatePair,
    films: Sequence[Mapping[str, object]],
    thumbs: Sequence[Plane],
) -> dict[str, object]:
    """What the page shows of a pair; the second film is laid over the first."""
    planes = [_picture(catalog, film, thumb) for film, thumb in zip(films, thumbs)]
    moved = _laid_over(planes, thumbs, row["kind"] or "")
    difference = np.abs(planes[0].astype(np.int16) - moved).astype(np.uint8)
    details = [[f"{k} {film[k]}" for k in _DETAILS if film[k] is not None] for film in films]
    return {
        **row,
        "pictures": [_uri(p) for p in (*planes, moved, 255 - difference)],
        "details": [", ".join(d) for d in details],
        "differs": [k for k in _DETAILS if films[0][k] != films[1][k]],
    }


def _picture(catalog: Catalog, film: Mapping[str, object], thumb: Plane) -> Plane:
    """The film if it can be read, else its thumbnail, in the same frame: uint8 (320, 320)."""
    try:
        path = catalog.resolve(film, str(film["path"]))
        pixels = read_radiograph(path.read_bytes(), name=path.name).pixels
        plane = to_bytes(pixels)
        image, box = Image.fromarray(plane), content_box(plane)
    except (OSError, KeyError, FilmError):
        # The source may have been moved since ingest; the thumbnail is in the catalog.
        image, box = Image.fromarray(thumb), (0, 0, *thumb.shape[::-1])
    size, smooth = (_SIDE, _SIDE), Image.Resampling.LANCZOS
    return np.asarray(image.resize(size, smooth, box, reducing_gap=3.0))


def _laid_over(planes: Sequence[Plane], thumbs: Sequence[Plane], kind: str) -> Plane:
    """The second picture in the place, polarity and grey levels of the first, uint8 (320, 320)."""
    with needs_extra("the page of pairs", "catalog"):
        import cv2

        from infmap.dedup.alignment import Structure, best_alignment, pixel_scale
    inverted, mirrored = "inverted" in kind, "mirrored" in kind
    first, second = Structure(thumbs[0]), Structure(thumbs[1], -1.0 if inverted else 1.0)
    plane = planes[1]
    if mirrored:
        second, plane = second.mirrored(), np.ascontiguousarray(plane[:, ::-1])
    plane = 255 - plane if inverted else plane
    warp = pixel_scale(best_alignment(first, second).warp, _SIDE)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(plane, warp, (_SIDE, _SIDE), None, flags, cv2.BORDER_CONSTANT, 0)
    return _with_grey_levels(np.asarray(moved, np.uint8), planes[0])


def _with_grey_levels(plane: Plane, like: Plane) -> Plane:
    """Match the histogram of another picture."""
    order = np.argsort(plane, axis=None, kind="stable")
    out = np.empty(plane.size, np.uint8)
    out[order] = np.sort(like, axis=None)
    return out.reshape(plane.shape)


def _uri(plane: Plane) -> str:
    data = io.BytesIO()
    Image.fromarray(plane).save(data, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
