from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from infmap.metrics import Bootstrap, surface
from infmap.metrics.surface import surface_figures, surface_table


def blobs(films: int = 12, size: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]

    def mask() -> np.ndarray:
        cy, cx, a, b = rng.uniform([0, 0, 3, 3], [size, size, size / 3, size / 4])
        body = ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 <= 1
        return body ^ (body & (rng.random(body.shape) < 0.02))

    truth, predicted = (np.stack([mask() for _ in range(films)]) for _ in (0, 1))
    assert truth.any(axis=(1, 2)).all() and predicted.any(axis=(1, 2)).all()
    return truth, predicted


def reference(
    t: np.ndarray, p: np.ndarray, tolerance: float, spacing: tuple[float, float]
) -> tuple[float, float]:
    """Both figures by distance transforms of the whole film."""
    edges = [mask & ~binary_erosion(mask) for mask in (t, p)]
    fields = [distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    out, back = fields[1][edges[0]], fields[0][edges[1]]
    close = (np.concatenate([out, back]) <= tolerance).mean()
    return close, max(np.quantile(out, 0.95), np.quantile(back, 0.95))


def one(*lines: str) -> np.ndarray:
    return np.array([[c == "1" for c in line] for line in lines])


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 0.5), (0.7, 1.3)])
@pytest.mark.parametrize("limit", [0, surface._PAIRS])
def test_figures_are_those_of_distance_transforms(
    spacing: tuple[float, float], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "_PAIRS", limit)
    truth, predicted = blobs()
    found = surface_figures(truth, predicted, 2.05, spacing)
    for i in range(len(truth)):
        expected = reference(truth[i], predicted[i], 2.05, spacing)
        assert (found.nsd[i], found.hd95[i]) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")  # MONAI warns of itself
def test_figures_agree_with_monai() -> None:
    pytest.importorskip("monai")
    torch = pytest.importorskip("torch")
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice

    truth, predicted = blobs()
    t, p = (torch.from_numpy(mask[:, None].astype(np.float32)) for mask in (truth, predicted))
    for spacing, tolerance in (((1.0, 1.0), 2.0), ((0.8, 1.3), 2.05)):
        found = surface_figures(truth, predicted, tolerance, spacing)
        hd = compute_hausdorff_distance(p, t, True, percentile=95, spacing=list(spacing))
        nsd = compute_surface_dice(p, t, [tolerance], True, spacing=list(spacing))
        assert found.hd95 == pytest.approx(hd.numpy().ravel(), rel=1e-5)
        assert found.nsd == pytest.approx(nsd.numpy().ravel(), rel=1e-5)


def test_figures_of_a_hand_made_film() -> None:
    truth, predicted = one("110000", "110000"), one("000110", "000110")
    found = surface_figures(truth, predicted, 2.0)
    assert found.nsd.tolist() == [0.5]
    assert found.hd95.tolist() == [3.0]
    assert surface_figures(truth, predicted, 1.9).nsd.tolist() == [0.0]
    assert surface_figures(truth, truth, 0.0).nsd.tolist() == [1.0]
    assert surface_figures(truth, truth, 0.0).hd95.tolist() == [0.0]


def test_the_inside_of_a_mask_is_no_surface_and_the_film_edge_is() -> None:
    full = np.ones((9, 9), dtype=bool)
    ring = full.copy()
    ring[1:-1, 1:-1] = False
    assert surface_figures(full, ring, 0.0).nsd.tolist() == [1.0]


def test_a_distance_of_exactly_the_tolerance_counts_in_millimetres() -> None:
    truth, predicted = one("10000"), one("00010")
    assert 3 * 0.1 > 0.3
    for spacing in ((0.1, 0.1), (0.2, 0.1)):
        assert surface_figures(truth, predicted, 0.3, spacing).nsd.tolist() == [1.0]


def test_empty_masks_are_explicit() -> None:
    none, some = np.zeros((4, 4), dtype=bool), np.eye(4, dtype=bool)
    found = surface_figures(
        np.stack([none, none, some, some]), np.stack([none, some, none, some]), 1.0
    )
    assert found.nsd.tolist() == [1, 0, 0, 1]
    assert found.hd95.tolist() == [0, math.inf, math.inf, 0]
    assert found.truth.tolist() == [False, False, True, True]
    assert found.predicted.tolist() == [False, True, False, True]


def test_the_table_counts_missed_films_as_the_worst() -> None:
    none, some = np.zeros((6, 6), dtype=bool), np.eye(6, dtype=bool)
    truth = np.stack([some, some, some, none, none])
    predicted = np.stack([some, none, none, some, none])
    table = surface_table(surface_figures(truth, predicted, 1.0), Bootstrap(np.arange(5), n=100))
    assert table["nsd_film"].value == pytest.approx(2 / 5)
    assert table["nsd_positive"].value == pytest.approx(1 / 3)
    assert table["hd95_median_positive"].value == math.inf
    assert (table["hd95_found"].value, table["hd95_found"].n) == (0, 1)
    assert table["missed"].value == pytest.approx(2 / 3)
    healthy = surface_table(surface_figures(none, none, 1.0), Bootstrap(["p"]))
    assert healthy["nsd_film"].value == 1
    assert math.isnan(healthy["hd95_median_positive"].value)
    assert math.isnan(healthy["missed"].value)


def test_each_film_may_have_its_own_spacing() -> None:
    film = np.stack([one("1000"), one("1000")])
    shifted = np.stack([one("0010"), one("0010")])
    found = surface_figures(film, shifted, 1.0, [[1, 1], [0.5, 0.5]])
    assert found.hd95.tolist() == [2, 1]
    assert found.nsd.tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 5), (7, 1)])
def test_thin_films_are_all_surface(shape: tuple[int, int]) -> None:
    full = np.ones(shape, dtype=bool)
    corner = np.zeros(shape, dtype=bool)
    corner[0, 0] = True
    found = surface_figures(full, corner, 0.0)
    assert found.nsd[0] == pytest.approx(2 / (full.size + 1))


@pytest.mark.parametrize(
    ("tolerance", "spacing", "match"),
    [(-1.0, (1, 1), "tolerance"), (math.nan, (1, 1), "tolerance"), (1.0, (1, 0), "above 0"),
     (1.0, (1, 1, 1), "spacing")],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    tolerance: float, spacing: tuple[float, ...], match: str
) -> None:
    film = np.ones((3, 3), dtype=bool)
    with pytest.raises(ValueError, match=match):
        surface_figures(film, film, tolerance, spacing)
    with pytest.raises(ValueError, match="bool"):
        surface_figures(film.astype(float), film, 1.0)  # type: ignore[arg-type]
