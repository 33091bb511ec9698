"""Tests of `infmap.sources.covid_cxnet`."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.sources import covid_cxnet

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import found  # noqa: E402


def test_covid_cxnet_takes_patient_and_day_from_the_table(tmp_path: Path) -> None:
    LAYOUTS["covid-cxnet"](tmp_path)
    films = found(covid_cxnet.SOURCE, tmp_path)
    one = films["covid19-282-.jfif"]
    assert (one.patient_id, one.sex, one.age) == ("covid-cxnet:11", "M", 47)
    assert (one.offset_days, one.view) == (4, "PA")
    assert films["covid19-001.png"].patient_id is None
    (tmp_path / "COVID-CXNet-master" / "metadata.csv").unlink()
    assert covid_cxnet.SOURCE.check(tmp_path) == [
        "metadata.csv missing: no patients, views and days"
    ]


def test_covid_cxnet_reads_normal_films_and_names_rows_without_film(tmp_path: Path) -> None:
    LAYOUTS["covid-cxnet"](tmp_path)
    home = tmp_path / "COVID-CXNet-master"
    film(home / "chest_xray_images" / "normal" / "260.jpg")
    (home / "chest_xray_images" / "covid19" / "260.jpg").unlink()
    (home / "chest_xray_images" / "covid19" / "001.png").unlink()
    films = found(covid_cxnet.SOURCE, tmp_path)
    assert set(films) == {"covid19-282-.jfif", "normal-260.jpg"}
    assert (films["normal-260.jpg"].normal, films["normal-260.jpg"].patient_id) == (True, None)
    assert covid_cxnet.SOURCE.check(tmp_path) == [
        "1 of 2 films that metadata.csv lists are not on disk, the first is 260.jpg"
    ]
