"""The films of a snapshot, at the network's size in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.mask_files import film_mask
from infmap.catalog.rows import Film
from infmap.catalog.truth import CODES, film_truth, mask_paths
from infmap.core.errors import SnapshotError
from infmap.core.types import Truth
from infmap.inference.preprocess import Preprocessing, mask_to_network, to_network
from infmap.phantom import render

if TYPE_CHECKING:
    from infmap.training.pack import Pack

INFECTION, OPACITY, LUNGS = 1, 2, 4
UNKNOWN, NOT_COVID = -1, -2
"""Classes of films whose class is unknown: nothing is known, or that it is not COVID-19."""
PHANTOM_SEED = 100_000
Kind = Literal["infection", "opacity"]
WEAK: dict[Kind, tuple[int, tuple[int, ...]]] = {"infection": (0, (0,)), "opacity": (1, (0, 1))}
"""Map to its column of ``Films.truth`` and the classes that are a weak label of it."""


@dataclass(frozen=True, eq=False)
class Films:
    """Films packed for training, all in network pixels.

    Attributes:
        rows: the snapshot's row of each film.
        images: uint8 (N, S, S), 0..255 = [0, 1], padded with 0.
        masks: uint8 (N, S, S), bits: 1 infection, 2 opacity, 4 lungs.
        truth: uint8 (N, 3), how infection, opacity, lungs are known, as ``core.types.Truth``; an
            empty mask that is DENSE is known to be empty.
        classes: int64 (N,): 0 COVID-19, 1 other pneumonia, 2 normal, -1 unknown, -2 not COVID-19
            and else unknown.
    """

    rows: list[Film]
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, keep: NDArray[np.bool_]) -> Films:
        """Some of the films, bool (N,)."""
        at = np.flatnonzero(keep)
        rows = [self.rows[i] for i in at]
        return Films(rows, self.images[at], self.masks[at], self.truth[at], self.classes[at])

    @property
    def dense(self) -> NDArray[np.bool_]:
        """Where infection, opacity, lungs are known at every pixel: bool (N, 3)."""
        return np.asarray(self.truth == Truth.DENSE)

    @property
    def covid19(self) -> NDArray[np.int8]:
        """Whether a film is of COVID-19, int8 (N,): 1 it is, 0 it is not, -1 unknown."""
        return np.select(
            [self.classes == 0, self.classes == UNKNOWN],
            [np.int8(1), np.int8(-1)],
            default=np.int8(0),
        )


def film_class(row: Film) -> int:
    """Class of a snapshot row: 0 COVID-19, 1 other pneumonia, 2 normal; see ``Films.classes``."""
    for index, known in enumerate((row["covid19"], row["pneumonia"], row["normal"])):
        if known:
            return index
    return NOT_COVID if row["covid19"] is False else UNKNOWN


def load_films(
    rows: Sequence[Film],
    resolve: Callable[[Film, str], Path],
    spec: Preprocessing,
    lung_sources: Sequence[str] | None,
    progress: Callable[[int], None] | None = None,
    pack: Pack | None = None,
) -> Films:
    """Films and masks of snapshot rows, copied from a pack or decoded.

    Args:
        rows: rows of the snapshot.
        resolve: row and path column to the file.
        spec: the network's preprocessing.
        lung_sources: sources whose lung masks are used; None for all.
        progress: called with the number of films done.
        pack: of the snapshot, see ``infmap.training.pack.find_pack``; films that it lacks are
            decoded.

    Raises:
        SnapshotError: a film or mask that the snapshot names cannot be read.
        ValueError: the pack is of other preprocessing.
    """
    if pack and pack.spec != spec:
        raise ValueError(f"expected a pack of {spec}, got one of {pack.spec}")
    n, size = len(rows), spec.size
    images = np.zeros((n, size, size), np.uint8)
    masks = np.zeros((n, size, size), np.uint8)
    paths = [mask_paths(row) for row in rows]
    truth = np.array([[CODES[state] for state in film_truth(row)] for row in rows], np.uint8)
    truth = truth.reshape(n, 3)
    classes = np.array([film_class(row) for row in rows], np.int64)
    unused = np.array(
        [lung_sources is not None and row["source"] not in lung_sources for row in rows], np.bool_
    )
    places = pack.find(rows) if pack else np.full(n, -1, np.int64)
    if pack:
        pack.copy(places, images, masks)

    def load(index: int) -> None:
        row = rows[index]
        files = [resolve(row, path) if path else None for path in paths[index]]
        if unused[index]:
            files[2] = None
        film = resolve(row, row["path"])
        images[index], masks[index] = decode_film(row["film_id"], film, files, spec)

    missing = np.flatnonzero(places < 0)
    if progress and len(missing) < n:
        progress(n - len(missing))
    with ThreadPoolExecutor(4) as pool:
        for done, _ in enumerate(pool.map(load, missing), start=n - len(missing) + 1):
            if progress:
                progress(done)
    truth[unused, 2] = Truth.UNKNOWN
    for index in np.flatnonzero(unused & (places >= 0)):
        masks[index] &= np.uint8(~LUNGS & 0xFF)
    return Films(list(rows), images, masks, truth, classes)


def decode_film(
    film_id: str, film: Path, masks: Sequence[Path | None], spec: Preprocessing
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode one film and its masks into network pixels.

    Args:
        film_id: the film's name, for errors.
        film: its file.
        masks: files of infection, opacity and lungs, None for none.
        spec: the network's preprocessing.

    Returns:
        uint8 (S, S), 0..255 = [0, 1]; and mask bits uint8 (S, S), see ``Films``.

    Raises:
        SnapshotError: the film or a mask cannot be read.
    """
    from infmap.dicom import read_radiograph

    try:
        radiograph = read_radiograph(film)
        plane, fit = to_network(radiograph.pixels, spec)
        bits = np.zeros((spec.size, spec.size), np.uint8)
        for bit, path in enumerate(masks):
            if path:
                mask, _ = film_mask(path, radiograph.shape, film)
                bits |= mask_to_network(mask, fit).astype(np.uint8) << bit
    except Exception as error:
        raise SnapshotError(f"film {film_id} cannot be loaded: {error}") from error
    return np.round(plane * 255.0).astype(np.uint8), bits


def render_phantoms(count: int, spec: Preprocessing) -> Films:
    """Films of the project's phantom: source "phantom", half of them with opacities.

    Their lungs and opacities are known to the pixel. Those without opacities are normal and have no
    infection. Of the others the class is unknown, and so is whether their opacities are COVID-19: a
    rendered cloud has no cause.

    Args:
        count: number of films; seeds from ``PHANTOM_SEED`` on, away from those of the samples.
        spec: the network's preprocessing.
    """
    size = spec.size
    films = Films(
        [{"film_id": f"phantom/{i}", "source": "phantom"} for i in range(count)],
        np.zeros((count, size, size), np.uint8),
        np.zeros((count, size, size), np.uint8),
        np.array([[Truth.UNKNOWN, Truth.DENSE, Truth.DENSE]] * count, np.uint8).reshape(count, 3),
        np.full(count, -1, np.int64),
    )
    for i in range(count):
        film = render(PHANTOM_SEED + i, size=2 * size, opacities=(i % 2) * (1 + i // 2 % 6))
        plane, fit = to_network(film.pixels, spec)
        films.images[i] = np.round(plane * 255.0)
        for mask, bit in ((film.infection, OPACITY), (film.lungs, LUNGS)):
            films.masks[i] |= mask_to_network(mask, fit) * np.uint8(bit)
        if not film.opacities:
            films.truth[i, 0], films.classes[i] = Truth.DENSE, 2
    return films


def with_weak_labels(films: Films, somewhere: Mapping[str, Sequence[Kind]]) -> Films:
    """Films whose labels are taken as "there is some in the lungs", where no more is known.

    Args:
        films: with their classes.
        somewhere: source to the maps that its labels speak of. A film of COVID-19 then has an
            infection somewhere, and one of COVID-19 or another pneumonia an opacity.
    """
    truth = films.truth.copy()
    for place, row in enumerate(films.rows):
        for kind in somewhere.get(row["source"], ()):
            column, classes = WEAK[kind]
            if films.classes[place] in classes and truth[place, column] == Truth.UNKNOWN:
                truth[place, column] = Truth.SOMEWHERE
    return replace(films, truth=truth)


def join_films(first: Films, second: Films) -> Films:
    """Two sets of films as one."""
    return Films(
        first.rows + second.rows,
        np.concatenate([first.images, second.images]),
        np.concatenate([first.masks, second.masks]),
        np.concatenate([first.truth, second.truth]),
        np.concatenate([first.classes, second.classes]),
    )
