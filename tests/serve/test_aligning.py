"""Two films laid over each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.core.zones import brixia_zones
from infmap.phantom import render
from infmap.serve import results
from infmap.serve.aligning import matrix, similarity
from infmap.serve.store import Store


def keep(store: Store, film: str, zones: Image.Image) -> None:
    folder = results.folder(store, film)
    folder.mkdir(parents=True)
    zones.save(folder / "zones.png")


@pytest.fixture
def server(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


def test_scale_and_shift_of_a_film_are_found(server: Store) -> None:
    film = render(4, size=256)
    zones = Image.fromarray(brixia_zones(film.lungs).labels)
    moved = Image.new("L", (600, 600))
    moved.paste(zones.resize((512, 512), Image.Resampling.NEAREST), (30, 50))
    keep(server, "a", zones)
    keep(server, "b", moved)
    found = np.array(matrix(server, "a", "b"))
    # A point of the other film, halved after the shift is taken away, is one of the first.
    np.testing.assert_allclose(found, [[0.5, 0, -15], [0, 0.5, -25]], atol=1e-6)
    back = np.array(matrix(server, "b", "a"))
    np.testing.assert_allclose(found[:, :2] @ back[:, :2], np.eye(2), atol=1e-6)


def test_a_rotation_is_found_and_a_reflection_never() -> None:
    points = np.array([0, 1, 1j, 3 + 2j])
    turned = points * 2 * np.exp(0.3j) + (5 - 4j)
    (a, b, c), (d, e, f) = similarity(points, turned)
    np.testing.assert_allclose([a + 1j * d, b + 1j * e], [2 * np.exp(0.3j), 2j * np.exp(0.3j)])
    np.testing.assert_allclose([c, f], [5, -4])
    (a, b, _), (d, e, _) = similarity(points, points.conj())
    assert a * e - b * d > 0


def test_films_without_lungs_in_common_are_refused(server: Store) -> None:
    keep(server, "a", Image.new("L", (10, 10)))
    keep(server, "b", Image.new("L", (10, 10)))
    with pytest.raises(UsageError, match="too few zones"):
        matrix(server, "a", "b")
