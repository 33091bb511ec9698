"""Films that are probably mirrored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infmap
from infmap.inference.side import LIMIT, MIRRORED, assess_side
from infmap.phantom import sample_films

SAMPLES = [film for _, film in sample_films()]


@pytest.mark.parametrize("film", SAMPLES)
def test_mirroring_changes_the_sign_alone(film) -> None:
    score = assess_side(film.lungs, film.pixels).figures["side_score"]
    other = assess_side(film.lungs[:, ::-1], film.pixels[:, ::-1]).figures["side_score"]
    assert other == pytest.approx(-score, rel=0.01)  # cells round to whole pixels


def test_rendered_films_are_not_warned_and_most_are_when_mirrored() -> None:
    plain = [assess_side(f.lungs, f.pixels) for f in SAMPLES]
    assert not any(quality.warnings for quality in plain)
    mirrored = [assess_side(f.lungs[:, ::-1], f.pixels[:, ::-1]) for f in SAMPLES]
    warned = [q for q in mirrored if q.warnings == (MIRRORED,)]
    assert len(warned) >= 0.5 * len(SAMPLES)
    assert not any(quality.reject for quality in plain + mirrored)


def test_the_lungs_may_be_on_a_coarser_grid_than_the_film() -> None:
    film = SAMPLES[0]
    fine = assess_side(film.lungs, film.pixels).figures["side_score"]
    coarse = assess_side(film.lungs[::2, ::2], film.pixels).figures["side_score"]
    assert coarse == pytest.approx(fine, abs=0.15 * abs(fine) + 0.2)


def test_without_lungs_nothing_is_said() -> None:
    quality = assess_side(np.zeros((64, 64), bool), np.zeros((64, 64), np.float32))
    assert np.isnan(quality.figures["side_score"])
    assert quality.warnings == ()


def test_a_prediction_carries_the_score_and_the_warning() -> None:
    model = infmap.load()
    film = max(SAMPLES, key=lambda f: assess_side(f.lungs, f.pixels).figures["side_score"])
    plain = model.predict(film.pixels)
    assert plain.quality["side_score"] > LIMIT and MIRRORED not in plain.warnings
    mirrored = model.predict(np.ascontiguousarray(film.pixels[:, ::-1]))
    assert mirrored.quality["side_score"] < LIMIT and MIRRORED in mirrored.warnings


def test_real_films_are_warned_when_mirrored(data: Path) -> None:
    files = sorted((data / "covid-qu-ex").glob("*/*/Val/Normal/images/*.png"))[::12]
    if not files:
        pytest.skip("no COVID-QU-Ex films in the data folder")
    from infmap.dicom import read_radiograph

    model = infmap.load()
    films = [read_radiograph(file).pixels for file in files]
    plain = [MIRRORED in model.predict(p).warnings for p in films]
    mirrored = [MIRRORED in model.predict(np.ascontiguousarray(p[:, ::-1])).warnings for p in films]
    assert sum(plain) <= 1
    assert np.mean(mirrored) >= 0.85
