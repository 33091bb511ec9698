from __future__ import annotations

import numpy as np
import pytest

from infmap.core.errors import UsageError
from infmap.metrics.staple import majority, staple


def readers(count: int, seed: int, shape: tuple[int, int] = (60, 50)) -> list[np.ndarray]:
    """A disc as readers of different skill mark it."""
    rng = np.random.default_rng(seed)
    row, column = np.ogrid[: shape[0], : shape[1]]
    marks = []
    for _ in range(count):
        y, x, r = rng.normal((30, 25, 12), (2, 2, 2))
        disc = (row - y) ** 2 + (column - x) ** 2 < r**2
        marks.append(disc ^ (rng.random(shape) < rng.uniform(0, 0.03)))
    return marks


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_staple_is_that_of_simpleitk(count: int, seed: int) -> None:
    import SimpleITK

    marks = readers(count, seed)
    itk = SimpleITK.STAPLEImageFilter()
    itk.SetForegroundValue(1)
    itk.SetMaximumIterations(10_000)
    itk.SetConfidenceWeight(1.0)
    theirs = itk.Execute([SimpleITK.GetImageFromArray(m.astype(np.uint8)) for m in marks])
    ours = staple(marks)
    np.testing.assert_allclose(ours.probability, SimpleITK.GetArrayFromImage(theirs), atol=1e-4)
    np.testing.assert_allclose(ours.sensitivity, itk.GetSensitivity(), atol=1e-4)
    np.testing.assert_allclose(ours.specificity, itk.GetSpecificity(), atol=1e-4)


def test_a_careless_reader_is_found_and_outvoted() -> None:
    marks = readers(4, 7)
    noise = np.random.default_rng(0).random(marks[0].shape) < 0.4
    found = staple([*marks, noise])
    assert found.sensitivity[-1] < 0.6 < found.sensitivity[:-1].min()
    assert found.specificity[-1] < 0.7 < found.specificity[:-1].min()


def test_readers_who_agree_are_followed() -> None:
    mark = readers(1, 0)[0]
    found = staple([mark, mark, mark])
    np.testing.assert_allclose(found.probability, mark, atol=1e-6)


def test_nothing_marked_is_nothing_and_everything_is_everything() -> None:
    empty, full = np.zeros((4, 5), bool), np.ones((4, 5), bool)
    none, all_ = staple([empty, empty]), staple([full, full])
    assert not none.probability.any() and np.isnan(none.sensitivity).all()
    assert none.specificity.tolist() == [1, 1]
    assert (all_.probability == 1).all() and np.isnan(all_.specificity).all()
    assert all_.sensitivity.tolist() == [1, 1]


def test_a_majority_is_more_than_half() -> None:
    a, b, c = (np.array([[x, y]], bool) for x, y in ((1, 1), (1, 0), (0, 0)))
    assert majority([a, b, c]).tolist() == [[True, False]]
    assert majority([a, c]).tolist() == [[False, False]]


def test_what_cannot_be_joined_is_refused_in_one_line() -> None:
    small, large = np.zeros((2, 2), bool), np.zeros((2, 3), bool)
    for wrong, said in (
        ([small], "2 to 20 readers, got 1"),
        ([small] * 21, "got 21"),
        ([small, large], "masks of one film"),
    ):
        with pytest.raises(UsageError, match=said):
            staple(wrong)
        with pytest.raises(UsageError, match=said):
            majority(wrong)
