from __future__ import annotations

import numpy as np
import pytest

from infmap.core.errors import UsageError
from infmap.web.runs import paint, runs, varints


@pytest.mark.parametrize(
    ("number", "octets"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (16383, "ff7f"),
        (16384, "808001"),
        (1 << 28, "8080808001"),
    ],
)
def test_a_number_is_leb128(number: int, octets: str) -> None:
    assert varints(np.array([number])).hex() == octets


def test_runs_alternate_and_begin_with_false() -> None:
    assert runs(np.array([[False, True, True], [True, False, False]])).tolist() == [1, 3, 2]
    assert runs(np.array([[True, False]])).tolist() == [0, 1, 1]
    assert runs(np.array([[False]])).tolist() == [1]


def test_painting_takes_the_runs_of_one_plane_and_says_how_many_bytes() -> None:
    flat = np.zeros(6, np.uint8)
    flat[0] = 4
    assert paint(flat, 2, varints(np.array([1, 3, 2])) + b"rest") == 3
    assert flat.tolist() == [4, 2, 2, 2, 0, 0]


def test_painting_goes_on_over_the_border_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    where = np.random.default_rng(0).random(5000) < 0.01  # runs of one byte and of two
    data = varints(runs(where))
    monkeypatch.setattr("infmap.web.runs._CHUNK", 7)
    flat = np.zeros(5000, np.uint8)
    assert paint(flat, 1, data) == len(data)
    np.testing.assert_array_equal(flat != 0, where)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        ("07", "1 pixels past the end"),
        ("0501", None),
        ("05", "expected runs of 6 pixels, got 5"),
        ("", "expected runs of 6 pixels, got 0"),
        ("0100000005", "no empty run"),
        ("808080808001", "at most five bytes"),
        ("80", "truncated"),
        ("ffffffff7f", "past the end"),
    ],
)
def test_runs_that_do_not_fill_the_plane_are_refused(octets: str, said: str | None) -> None:
    flat = np.zeros(6, np.uint8)
    if said is None:
        assert paint(flat, 1, bytes.fromhex(octets)) == 2
        return
    with pytest.raises(UsageError, match=said):
        paint(flat, 1, bytes.fromhex(octets))
