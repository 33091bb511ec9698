from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from infmap.core.errors import UsageError
from infmap.web.strokes import Stroke, changes, replay

repeatable = settings(max_examples=200, deadline=None, derandomize=True, database=None)
pairs = st.tuples(st.integers(1, 30), st.integers(1, 30)).flatmap(
    lambda shape: st.tuples(*[arrays(np.uint8, shape, elements=st.integers(0, 63))] * 2)
)
JSON: dict[str, object] = {
    "uuid": "6f1e-0",
    "seq": 1,
    "tool": "brush",
    "label": 1,
    "rect": [1, 0, 2, 2],
    "active_ms": 40,
    "runs": "AQI=" + "",
}


def between(before: np.ndarray, after: np.ndarray) -> list[Stroke]:
    made = [(label, changes(before, after, label)) for label in range(6)]
    return [
        Stroke(f"s{label}", label + 1, "brush", label, found[0], 0, found[1])
        for label, found in made
        if found is not None
    ]


@repeatable
@given(pairs)
def test_strokes_between_two_masks_lead_from_one_to_the_other_and_back(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    before, after = pair
    strokes = between(before, after)
    np.testing.assert_array_equal(replay(before, strokes), after)
    np.testing.assert_array_equal(replay(after, strokes[::-1]), before)


@repeatable
@given(pairs)
def test_a_stroke_survives_json(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for stroke in between(*pair):
        assert Stroke.of_json(json.loads(json.dumps(stroke.to_json()))) == stroke


@repeatable
@given(st.binary(min_size=1, max_size=13))
def test_hostile_runs_leave_the_mask_untouched(runs: bytes) -> None:
    mask = np.zeros((5, 6), np.uint8)
    try:
        Stroke("s", 1, "brush", 2, (1, 1, 4, 3), 0, runs).apply(mask)
    except UsageError as error:
        assert "\n" not in str(error)
        assert not mask.any()


def test_changed_pixels_have_the_bit_toggled() -> None:
    mask = np.zeros((2, 3), np.uint8)
    mask[0, 1] = 0b11
    stroke = Stroke("s", 1, "brush", 1, (1, 0, 2, 2), 0, bytes([0, 2, 2]))
    stroke.apply(mask)
    assert mask.tolist() == [[0, 0b01, 0b10], [0, 0, 0]]


def test_no_change_needs_no_stroke() -> None:
    mask = np.full((2, 3), 5, np.uint8)
    assert changes(mask, mask, 0) is None
    assert changes(mask, mask | 8, 0) is None


@pytest.mark.parametrize(
    ("rect", "runs", "said"),
    [
        ((2, 0, 2, 2), bytes([4]), "leaves the film of 3 x 2"),
        ((0, 0, 3, 2), bytes([5]), "expected runs of 6 pixels, got 5"),
        ((0, 0, 3, 2), bytes([7]), "past the end"),
        ((0, 0, 3, 2), bytes([6, 1]), "1 bytes of runs past"),
    ],
)
def test_a_stroke_that_does_not_fit_its_film_is_refused(
    rect: tuple[int, int, int, int], runs: bytes, said: str
) -> None:
    mask = np.zeros((2, 3), np.uint8)
    with pytest.raises(UsageError, match=said):
        Stroke("s", 1, "brush", 0, rect, 0, runs).apply(mask)
    assert not mask.any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"uuid": ""}, "uuid"),
        ({"uuid": "a b"}, "uuid"),
        ({"uuid": 5}, "uuid as text"),
        ({"tool": "x" * 65}, "tool"),
        ({"seq": 0}, "seq from 1"),
        ({"seq": True}, "seq as whole"),
        ({"seq": 1.5}, "seq as whole"),
        ({"label": 6}, "label from 0 to 5"),
        ({"label": -1}, "label from 0 to 5"),
        ({"active_ms": -1}, "active_ms from 0"),
        ({"rect": [0, 0, 0, 2]}, "rectangle"),
        ({"rect": [-1, 0, 2, 2]}, "rectangle"),
        ({"rect": [0, 0, 1 << 40, 1]}, "rectangle"),
        ({"rect": [0, 0, 2]}, "rect as"),
        ({"rect": "0022"}, "rect as"),
        ({"runs": "???"}, "base64"),
        ({"runs": ""}, "length of runs from 1 to 5"),
        ({"runs": "AAAAAAAAAAAA"}, "length of runs from 1 to 5"),
        ({"more": 1}, "expected the keys"),
    ],
)
def test_json_that_is_no_stroke_is_refused(change: dict[str, object], said: str) -> None:
    assert Stroke.of_json(JSON).rect == (1, 0, 2, 2)
    with pytest.raises(UsageError, match=said) as caught:
        Stroke.of_json(JSON | change)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="expected the keys"):
        Stroke.of_json([change])
