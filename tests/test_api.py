"""The Python surface: loading, pickling, many films."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.core.errors import InfmapError, ModelError, RejectedFilm, UnreadableFilm, UsageError
from infmap.phantom import sample_films


@pytest.fixture(scope="module")
def model() -> infmap.Model:
    return infmap.load(threshold=0.4)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six films, of which the second is blank, the third text and the fourth missing."""
    folder = tmp_path_factory.mktemp("films")
    good = [(film.pixels * 255).astype(np.uint8) for _, film in sample_films()[:3]]
    files = [folder / f"{i}.png" for i in range(6)]
    for path, pixels in zip((files[0], files[4], files[5]), good, strict=True):
        Image.fromarray(pixels).save(path)
    Image.fromarray(np.full((300, 300), 128, np.uint8)).save(files[1])
    files[2].write_text("no film")
    return files


NAN = float("nan")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"threshold": 5}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1.0}, "threshold"),
        ({"threshold": -0.1}, "threshold"),
        ({"threshold": NAN}, "threshold"),
        ({"threshold": float("inf")}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"parallel": -1}, "parallel"),
        ({"parallel": 0}, "parallel"),
        ({"parallel": 2.5}, "parallel"),
        ({"parallel": NAN}, "parallel"),
        ({"parallel": None}, "parallel"),
        ({"parallel": True}, "parallel"),
        ({"runtime": "abacus"}, "runtime"),
        ({"runtime": ""}, "runtime"),
        ({"runtime": None}, "runtime"),
        ({"runtime": ["openvino"]}, "runtime"),
        ({"runtime": "onnxruntime", "device": "quantum"}, "device"),
        ({"device": ""}, "device"),
        ({"device": None}, "device"),
        ({"device": 0}, "device"),
        ({"device": "quantum"}, "device"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"model": "no-such-model"}, "model"),
        ({"model": "m" * 5000}, "model"),
        ({"model": "../infmap-lite0"}, "model"),
    ],
)
def test_load_says_which_argument_is_wrong_in_one_line(options: dict[str, Any], names: str) -> None:
    with pytest.raises((UsageError, ModelError), match=names) as caught:
        infmap.load(**options)
    assert "\n" not in str(caught.value)


def test_load_takes_numbers_of_numpy() -> None:
    loaded = infmap.load(threshold=np.float32(0.25), parallel=np.int64(1))
    assert loaded.predictor.manifest.thresholds.infection == 0.25


def _judge(model: infmap.Model, film: np.ndarray[Any, Any]) -> tuple[float, float]:
    answer = model.predict(film)
    return answer.infected_fraction, answer.covid_probability


def test_a_pickled_model_gives_the_same_answer_in_another_process(model: infmap.Model) -> None:
    film = sample_films()[-2][1].pixels
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(_judge, model, film).result()
    assert there == _judge(model, film)


def test_a_pickled_model_keeps_its_options() -> None:
    loaded = infmap.load(threshold=0.3, parallel=2, device="cpu")
    again = pickle.loads(pickle.dumps(loaded))
    assert again.predictor.manifest == loaded.predictor.manifest
    assert again.predictor.parallel == 2
    assert again.name == loaded.name


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 1), (2, 2), (3, 4)])
def test_many_films_come_back_in_order_with_their_errors(
    model: infmap.Model, paths: list[Path], workers: int, batch_size: int
) -> None:
    told: list[tuple[int, int | None]] = []
    answers = list(
        model.predict_many(
            paths,
            workers=workers,
            batch_size=batch_size,
            progress=lambda done, total: told.append((done, total)),
        )
    )
    assert [path for path, _ in answers] == paths
    kinds = [type(answer) for _, answer in answers]
    expected = [infmap.Prediction, RejectedFilm, UnreadableFilm, UnreadableFilm]
    assert kinds == [*expected, infmap.Prediction, infmap.Prediction]
    assert told == [(i, 6) for i in range(1, 7)]
    for path, answer in answers:
        if isinstance(answer, infmap.Prediction):
            alone = model.predict(path)
            assert np.abs(answer.infection - alone.infection).max() < 0.02
            assert answer.overlay().size == answer.infection.shape[::-1]


def test_many_films_are_read_no_further_than_is_held(
    model: infmap.Model, paths: list[Path]
) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Path]:
        while True:
            taken.append(1)
            yield paths[0]

    told: list[int | None] = []
    stream = model.predict_many(
        endless(), workers=1, batch_size=2, progress=lambda done, total: told.append(total)
    )
    assert not taken
    for _ in range(5):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(taken) <= 5 + 2 * 2 * 2
    assert told == [None] * 5


def test_doubt_is_where_the_mirrored_reading_disagrees(model: infmap.Model) -> None:
    film = sample_films()[-1][1].pixels
    plain = model.predict(film)
    assert plain.doubt is None
    answer = model.predict(film, doubt=True)
    assert answer.doubt is not None and answer.doubt.dtype == np.float32
    assert answer.doubt.shape == film.shape
    assert 0.0 < float(answer.doubt.max()) <= 1.0
    assert answer.covid_probability == plain.covid_probability
    mirrored = model.predict(np.ascontiguousarray(film[:, ::-1]))
    found = np.abs(answer.opacity - mirrored.opacity[:, ::-1])
    found += np.abs(answer.infection - mirrored.infection[:, ::-1])
    assert np.abs(answer.doubt - found / 2).mean() < 0.01
    assert answer.overlay(layer="doubt").size == film.shape[::-1]


def test_a_film_that_reads_alike_both_ways_is_in_no_doubt(model: infmap.Model) -> None:
    film = sample_films()[0][1].pixels
    even = np.ascontiguousarray((film + film[:, ::-1]) / 2)
    answer = model.predict(even, doubt=True)
    assert answer.doubt is not None
    assert float(answer.doubt.mean()) < 0.02


def test_many_films_are_doubted_when_asked(model: infmap.Model, paths: list[Path]) -> None:
    for path, answer in model.predict_many(paths[:1] + paths[4:], batch_size=2, doubt=True):
        assert isinstance(answer, infmap.Prediction)
        assert answer.doubt is not None
        alone = model.predict(path, doubt=True)
        assert alone.doubt is not None
        assert np.abs(answer.doubt - alone.doubt).max() < 0.05


def test_many_films_may_be_arrays(model: infmap.Model) -> None:
    films = [sample_films()[0][1].pixels] * 2
    (first, one), (_, other) = model.predict_many(films)
    assert first is films[0]
    assert isinstance(one, infmap.Prediction) and isinstance(other, infmap.Prediction)
    assert one.covid_probability == pytest.approx(other.covid_probability, abs=1e-6)


@pytest.mark.parametrize(
    ("films", "options"),
    [
        ("film.png", {}),
        (Path("film.png"), {}),
        (b"bytes", {}),
        ([], {"workers": 0}),
        ([], {"workers": 1.5}),
        ([], {"batch_size": 0}),
        ([], {"batch_size": NAN}),
    ],
)
def test_wrong_use_of_many_is_said_at_the_call(
    model: infmap.Model, films: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(InfmapError, match="expected"):
        model.predict_many(films, **options)


def test_no_films_give_no_answers(model: infmap.Model) -> None:
    assert list(model.predict_many([])) == []
