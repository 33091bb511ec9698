"""The page's modules by themselves: figures as Python counts them, films laid over each other."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from infmap.inference.postprocess import first_level
from infmap.report.overlay import colour_table

from .conftest import Run

pytestmark = pytest.mark.usefixtures("js")


def text(plane: NDArray[np.generic]) -> str:
    return base64.b64encode(plane.tobytes()).decode()


def test_a_threshold_is_the_same_level_as_in_python(js: Run) -> None:
    thresholds = [k / 100 for k in range(1, 100)] + [0.004, 1 / 255, 200 / 255, 0.999]
    assert js("return args[0].map(m.firstLevel)", thresholds) == [
        first_level(threshold) for threshold in thresholds
    ]


@pytest.mark.parametrize("thresholds", [(0.52, 0.22), (0.1, 0.9)])
def test_shares_are_those_of_the_planes(js: Run, thresholds: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    infection, opacity = rng.integers(0, 256, (2, 60, 83), np.uint8)
    zones = rng.integers(0, 7, (60, 83), np.uint8)
    zones[zones == 5] = 0
    got = js(
        "const [infection, opacity, zones] = args[0].map(m.fromBase64);"
        "const [a, b] = args[1];"
        "return m.shares(m.count(infection, opacity, zones), { infection: a, opacity: b })",
        [text(infection), text(opacity), text(zones)],
        thresholds,
    )
    infected = infection >= first_level(thresholds[0])
    # An infected pixel is an opaque one, whatever the opacity map says of it.
    opaque = infected | (opacity >= first_level(thresholds[1]))
    assert isinstance(got, dict)
    for name, members in (("both", range(1, 7)), ("right", (1, 2, 3)), ("left", (4, 5, 6))):
        inside = np.isin(zones, list(members))
        assert got[name]["area"] == inside.sum()
        assert got[name]["infected"] == pytest.approx(infected[inside].mean())
        assert got[name]["opaque"] == pytest.approx(opaque[inside].mean())
    assert got["zones"][4]["area"] == 0
    assert np.isnan(got["zones"][4]["infected"])


def test_a_film_is_laid_over_another_by_the_matrix_to_it(js: Run) -> None:
    plane = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(70, 50)), 3)
    plane = np.rint(255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)
    angle, scale = 0.2, 1.3
    a, b = scale * np.cos(angle), -scale * np.sin(angle)
    matrix = [[a, b, 9.0], [-b, a, -4.0]]
    got = js(
        "return m.toBase64(m.warp(m.fromBase64(args[0]), 50, 70, args[1], [80, 90]))",
        text(plane),
        matrix,
    )
    seen = np.frombuffer(base64.b64decode(str(got)), np.uint8).reshape(90, 80)
    back = np.linalg.inv(np.array([[a, b], [-b, a]]))
    y, x = np.mgrid[:90, :80] + 0.5
    u = np.floor(back @ np.stack([x.ravel() - 9.0, y.ravel() + 4.0])).astype(int)
    inside = (u[0] >= 0) & (u[0] < 50) & (u[1] >= 0) & (u[1] < 70)
    expected = np.where(inside, plane[u[1].clip(0, 69), u[0].clip(0, 49)], 0).reshape(90, 80)
    # A centre that falls on a pixel's border may round to either side.
    assert (seen != expected).mean() < 0.001


def test_colours_of_the_maps_are_the_reports(js: Run) -> None:
    for layer in ("infection", "opacity"):
        got = js("return Array.from({ length: 256 }, (_, k) => m.colour(args[0], k))", layer)
        expected = colour_table(layer).astype(float)
        expected[:, 3] /= 255
        assert np.abs(np.array(got) - expected).max() <= 0.51


def test_figures_are_worded_as_in_the_report(js: Run) -> None:
    assert js(
        "return [m.percent(0.004), m.percent(0.125), m.percent(null), m.probability(0.995),"
        " m.probability(0.52), m.points(0.58, 0.21), m.daysText(-14), m.daysText(1)]"
    ) == ["<1 %", "13 %", "–", ">0.99", "0.52", "+37 points", "14 days earlier", "1 day later"]


def list_of(state: str, item: str) -> dict[str, object]:
    return {"state": state, "counts": {}, "items": [{"position": 0, "state": item}]}


LISTS = list_of("open", "queued"), list_of("done", "done")
HELD = (
    "const { Job } = await import('/viewer/job.js');"
    "const held = [];"
    "window.fetch = () => new Promise((go) => held.push((list) => go(Response.json(list))));"
    "const job = new Job('j');"
    "const [open, over] = args;"
)
"""A job whose lists come when the test says so."""


def test_a_list_that_is_overtaken_undoes_nothing(js: Run) -> None:
    assert js(
        HELD + "const lists = [job.refresh(), job.refresh()];"
        "held[1](over); await lists[1];"
        "held[0](open); await lists[0];"
        "return [job.state, job.items.get(0).state]",
        *LISTS,
    ) == ["done", "done"]


def test_an_end_that_was_told_outlives_a_list_that_was_under_way(js: Run) -> None:
    assert js(
        HELD + "const list = job.refresh();"
        "job.items.set(0, over.items[0]);"
        "held[0](open); await list;"
        "return [job.state, job.items.get(0).state]",
        *LISTS,
    ) == ["open", "done"]


def test_a_job_that_is_over_is_asked_for_until_there_is_an_answer(js: Run) -> None:
    got = js(
        HELD + "let source;"
        "window.EventSource = class extends EventTarget {"
        "  constructor() { super(); source = this; } close() {} };"
        "const again = []; window.setTimeout = (call) => again.push(call);"
        "const opened = job.open(); held[0](open); await opened;"
        "window.fetch = () => Promise.reject(new TypeError('no network'));"
        "const lost = new Promise((go) => job.addEventListener('change', go, { once: true }));"
        "source.dispatchEvent(new MessageEvent('done', { data: '{}' })); await lost;"
        "const told = [job.connection, again.length];"
        "window.fetch = async () => Response.json(over);"
        "const changed = new Promise((go) => job.addEventListener('change', () => {"
        "  if (job.connection === 'over') go(); }));"
        "again[0](); await changed;"
        "return [...told, job.state, job.problem]",
        *LISTS,
    )
    assert got == ["lost", 1, "done", None]
