from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.annotation.agreement import (
    ALL,
    Agreement,
    Reading,
    agreements,
    fleiss,
    pairs_of,
    several_of,
)
from infmap.metrics import Estimate
from infmap.metrics.mask_agreement import cohen_kappa, dice, fleiss_kappa
from infmap.web.masks import bit, plane

NOVEMBER, DECEMBER = 1_795_000_000_000, 1_797_000_000_000  # 2026, UTC milliseconds
SHAPE = (48, 40)


def lungs() -> np.ndarray:
    where = np.zeros(SHAPE, bool)
    where[4:40, 3:17] = where[4:40, 23:37] = True
    return where


def masks(seed: int, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mask = np.where(rng.random(SHAPE) < share, np.uint8(bit("infection")), np.uint8(0))
    return mask | np.where(rng.random(SHAPE) < share, np.uint8(bit("consolidation")), np.uint8(0))


def reading(film: int, reader: str, seed: int, **more: object) -> Reading:
    fields = {"decided": NOVEMBER, "lungs": lungs(), "repeat": False} | more
    return Reading(f"film{film}", f"patient{film // 2}", reader, masks(seed), **fields)  # type: ignore[arg-type]


def films(readings: list[Reading]) -> list[list[Reading]]:
    names = dict.fromkeys(reading.film for reading in readings)
    return [[r for r in readings if r.film == name] for name in names]


def compared(readings: list[Reading], labels: list[str], draws: int) -> list[Agreement]:
    pairs = [pair for film in films(readings) for pair in pairs_of(film, labels)]
    return agreements(pairs, labels, draws=draws)


def of_several(readings: list[Reading]) -> Estimate:
    rows = [row for film in films(readings) if (row := several_of(film, ["infection"]))]
    return fleiss(rows, ["infection"], draws=10)["infection"]


def row(rows: list[Agreement], **wanted: object) -> Agreement:
    found = [r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def test_a_pair_of_readers_is_pooled_over_films_and_kept_apart_by_label() -> None:
    from sklearn.metrics import cohen_kappa_score

    readings = [reading(f, name, 10 * f + k) for f in range(4) for k, name in enumerate("ab")]
    rows = compared(readings, ["infection", "consolidation"], 200)
    both = {"zone": ALL, "month": ALL, "kind": "between"}
    for label in ("infection", "consolidation"):
        one = row(rows, readers=("a", "b"), label=label, **both)
        pixels: list[list[np.ndarray]] = [[], []]
        scores = []
        for f in range(4):
            planes = [plane(r.mask, label) for r in readings if r.film == f"film{f}"]
            region = lungs() | planes[0] | planes[1]
            scores.append(dice(*planes))
            for k in range(2):
                pixels[k].append(planes[k][region])
        expected = cohen_kappa_score(*[np.concatenate(p) for p in pixels])
        assert one.kappa.value == pytest.approx(expected, abs=1e-12)
        assert one.dice.value == pytest.approx(np.mean(scores), abs=1e-12)
        assert one.dice.low <= one.dice.value <= one.dice.high and one.dice.n == 4
        assert row(rows, readers=(ALL, ALL), label=label, **both).kappa == one.kappa


def test_zones_hold_their_own_pixels_only() -> None:
    first, second = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    first[5:10, 5:15] = second[5:10, 5:15] = bit("infection")  # apex of the patient's right lung
    first[30:38, 25:35] = bit("infection")  # base of the left lung, first reader only
    pair = [
        Reading("f", "p", name, mask, NOVEMBER, lungs())
        for name, mask in (("a", first), ("b", second))
    ]
    rows = compared(pair, ["infection"], 10)
    of = {"readers": ("a", "b"), "month": ALL}
    assert row(rows, zone="A", **of).dice.value == 1
    assert row(rows, zone="F", **of).dice.value == 0
    assert math.isnan(row(rows, zone="B", **of).dice.value)
    assert row(rows, zone="B", **of).dice.n == 0


def test_repeats_are_compared_with_the_same_readers_first_reading() -> None:
    readings = [reading(0, "a", 1), reading(0, "b", 2)]
    readings.append(reading(0, "a", 1, repeat=True, decided=DECEMBER))
    rows = compared(readings, ["infection"], 10)
    within = row(rows, kind="within", readers=("a", "a"), zone=ALL, month=ALL)
    assert within.dice.value == 1 and within.kappa.value == 1
    assert {r.readers for r in rows if r.kind == "between"} == {(ALL, ALL), ("a", "b")}
    assert row(rows, kind="within", readers=(ALL, ALL), month="2026-12").dice.n == 1


def test_months_are_those_of_the_later_reading() -> None:
    readings = [reading(0, "a", 1), reading(0, "b", 1, decided=DECEMBER)]
    readings += [reading(1, "a", 2), reading(1, "b", 3)]
    rows = compared(readings, ["infection"], 10)
    of = {"kind": "between", "readers": (ALL, ALL), "zone": ALL}
    assert row(rows, month="2026-12", **of).dice.value == 1
    assert row(rows, month="2026-11", **of).dice.value < 1
    assert row(rows, month=ALL, **of).dice.n == 2


def test_without_lungs_the_whole_film_counts_and_no_zone() -> None:
    readings = [reading(0, name, k, lungs=None) for k, name in enumerate("ab")]
    rows = compared(readings, ["infection"], 10)
    assert {r.zone for r in rows} == {ALL}
    planes = [plane(r.mask, "infection") for r in readings]
    assert rows[0].kappa.value == pytest.approx(cohen_kappa(*planes), abs=1e-12)


def test_fleiss_takes_films_of_several_readers_and_no_repeats() -> None:
    readings = [reading(0, name, k, lungs=None) for k, name in enumerate("abc")]
    alone = [reading(1, "a", 9), reading(0, "a", 8, repeat=True, lungs=None)]
    found = of_several([*readings, *alone])
    assert found.n == 1
    planes = [plane(r.mask, "infection") for r in readings]
    assert found.value == pytest.approx(fleiss_kappa(planes), abs=1e-12)
    assert math.isnan(of_several(alone).value)
