"""``infmap annotate``: status, agreement, consensus and export."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infmap.annotation.store import Store
from infmap.web.film_encoding import encode_film

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "annotation"))
import numpy as np  # noqa: E402
from calling import call  # noqa: E402
from small_station import HEIGHT, WIDTH, Station, box  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A station with one film that two readers outlined."""
    store = Store.open(tmp_path / "station")
    station = Station(store)
    station.rules(readers_per_film=2)
    film = station.film()
    store.film_folder(film).mkdir(parents=True)
    levels = np.zeros((HEIGHT, WIDTH), np.uint16)
    (store.film_folder(film) / "full").write_bytes(encode_film(levels, 12))
    station.plan()
    station.read(station.ann, box(5, 5, 20, 15))
    station.read(station.ben, box(5, 5, 20, 20))
    store.close()
    return tmp_path


def printed(folder: Path, capsys, verb: str, *arguments: object) -> str:
    assert call("annotate", verb, *arguments, "--station", folder / "station") == 0
    return capsys.readouterr().out


def test_status_counts_films_and_names_readers(folder: Path, capsys) -> None:
    told = printed(folder, capsys, "status")
    assert "chest: stage 2, round 0" in told and "approved 1" in told and "ann reader" in told
    (row,) = json.loads(printed(folder, capsys, "status", "--json"))
    assert row["films"] == {"approved": 1} and row["members"]["sue"] == "senior"


def test_agreement_is_printed_and_whole_as_json(folder: Path, capsys) -> None:
    told = printed(folder, capsys, "agreement")
    assert "infection, between ann and ben: Dice 0.80" in told
    rows = json.loads(printed(folder, capsys, "agreement", "--json"))
    assert rows["films"] == 1 and rows["agreement"][0]["dice"]["value"] == pytest.approx(0.8)


def test_readers_are_compared_with_their_consensus(folder: Path, capsys) -> None:
    told = printed(folder, capsys, "consensus", "--method", "majority")
    assert "ann, infection: Dice 1.000" in told and "ben, infection: Dice 0.800" in told
    rows = json.loads(printed(folder, capsys, "consensus", "--json"))
    assert {row["reader"] for row in rows} == {"ann", "ben"}


def test_approved_masks_are_exported(folder: Path, capsys) -> None:
    out = folder / "approved"
    assert "1 films in" in printed(folder, capsys, "export", "-o", out, "--format", "coco")
    assert (out / "films.csv").is_file() and (out / "coco" / "annotations.json").is_file()
    done = json.loads(printed(folder, capsys, "export", "-o", out, "--json"))
    assert (done["films"], done["regions"]) == (1, 1)


def test_a_project_that_is_not_there_is_named_with_those_that_are(folder: Path, capsys) -> None:
    station = folder / "station"
    assert call("annotate", "agreement", "--station", station, "--project", "knee") == 2
    assert "'chest'" in capsys.readouterr().err
