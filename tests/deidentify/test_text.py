from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap import phantom
from infmap.deidentify.text import locate

sys.path.insert(0, str(Path(__file__).parent))
from hospital import drawn  # noqa: E402


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    """A phantom of 1500 x 1500, uint8."""
    from PIL import Image

    pixels = phantom.render(3, size=512).pixels
    grey = Image.fromarray((pixels * 255).astype(np.uint8)).resize((1500, 1500))
    noise = np.random.default_rng(0).normal(0, 2, (1500, 1500))
    return np.clip(np.asarray(grey) + noise, 0, 255).astype(np.uint8)


def covered(plane: np.ndarray, ink: np.ndarray) -> float:
    found = np.zeros(plane.shape, bool)
    for box in locate(plane):
        found[box.slices] = True
    return float((found & ink).sum() / ink.sum())


def covering(ink: np.ndarray) -> np.ndarray:
    """What a pen as wide as a letter would have covered."""
    import cv2

    return cv2.dilate(ink.view(np.uint8), np.ones((15, 15), np.uint8))


@pytest.mark.parametrize("size", [18, 24, 48, 96])
@pytest.mark.parametrize("at", [(60, 80), (700, 300), (1300, 500)])
@pytest.mark.parametrize("level", [0, 255])
def test_text_of_any_size_place_and_tone(
    chest: np.ndarray, size: int, at: tuple[int, int], level: int
) -> None:
    ink = drawn("Mustermann, Erika 1961", size, chest.shape, at)
    # As printers do: the tone that is seen on all of the ground beneath.
    seen = [np.percentile(np.abs(chest[ink] - float(tone)), 5) for tone in (level, 255 - level)]
    level = level if seen[0] >= 60 else (level, 255 - level)[int(np.argmax(seen))]
    plane = chest.copy()
    plane[ink] = level
    assert covered(plane, ink) >= 0.95


def test_turned_text(chest: np.ndarray) -> None:
    ink = np.ascontiguousarray(np.rot90(drawn("HOSP-778812", 30, chest.shape, (90, 200))))
    plane = chest.copy()
    plane[ink] = 255
    assert covered(plane, ink) >= 0.95


@pytest.mark.parametrize("angle", [5, 20, 45, 70, 130])
def test_slanted_text_in_small_boxes(chest: np.ndarray, angle: float) -> None:
    from PIL import Image

    level = Image.fromarray(drawn("HOSP-778812 Erika", 30, chest.shape, (735, 600)))
    ink = np.asarray(level.rotate(angle))
    plane = chest.copy()
    plane[ink] = 255 - 255 * (chest[ink].mean() > 128)
    assert covered(plane, ink) >= 0.95
    # Little is painted beside the text: one box around a slanted line is mostly film.
    boxes = [box for box in locate(plane) if ink[box.slices].any()]
    painted = np.zeros(plane.shape, bool)
    for box in boxes:
        painted[box.slices] = True
    letters = np.count_nonzero(covering(ink))
    assert painted.sum() <= 5 * letters and len(boxes) <= 8


@pytest.mark.parametrize("at", [(60, 80), (1400, 700)])
@pytest.mark.parametrize("distance", [50, 30])
def test_grey_text_little_off_its_ground(
    chest: np.ndarray, distance: int, at: tuple[int, int]
) -> None:
    ink = drawn("MUSTERMANN, ERIKA", 28, chest.shape, at)
    plane = chest.copy()
    ground = int(np.median(chest[ink]))
    plane[ink] = ground + (distance if ground < 128 else -distance)
    assert covered(plane, ink) >= 0.95


def test_short_words_beside_a_line_belong_to_it(chest: np.ndarray) -> None:
    ink = drawn("Dr. Sauerbruch - F", 40, chest.shape, (100, 300))
    plane = chest.copy()
    plane[ink] = 255
    assert covered(plane, ink) >= 0.95 and len(locate(plane)) == len(locate(chest)) + 1


def test_few_boxes_where_there_is_no_text(chest: np.ndarray) -> None:
    assert len(locate(chest)) <= 2
    noise = np.random.default_rng(1).integers(0, 255, (400, 400), np.uint8)
    assert all(box.is_inside(400, 400) for box in locate(noise))
    assert locate(np.zeros((50, 40), np.uint8)) == []


def test_boxes_stay_inside_and_apart() -> None:
    plane = np.zeros((200, 300), np.uint8)
    plane[drawn("ERIKA 1", 30, plane.shape, (0, 0))] = 255
    plane[drawn("MUSTER", 30, plane.shape, (160, 190))] = 255
    found = locate(plane)
    assert len(found) == 2 and all(box.is_inside(200, 300) for box in found)
