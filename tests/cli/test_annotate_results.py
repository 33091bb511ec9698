"""``infmap annotate``: status, agreement, consensus and export."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infmap.annotation.store import Store
from infmap.phantom import render
from infmap.web.film_encoding import encode_film, grey_levels

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "annotation"))
import numpy as np  # noqa: E402
from calling import call  # noqa: E402
from small_station import HEIGHT, WIDTH, Station, box, digest  # noqa: E402


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


def test_films_drawn_without_proposals_are_compared_with_the_others(tmp_path: Path, capsys) -> None:
    store = Store.open(tmp_path / "station")
    station = Station(store)
    station.rules(unaided_share=0.5)
    for k in range(8):
        station.propose(station.film(f"film {k}"), [box(5, 5, 20, 15)])
    station.plan()
    while (task := station.next(station.ann)) is not None:
        if task.kind == "draw":
            draft = station.draw(task, station.ann, box(5, 5, 20, 20))
            station.decide(task, station.ann, "draw", draft=draft, active_ms=60_000)
        else:
            station.decide(task, station.ann, "choose", side="A", active_ms=20_000)
    store.close()
    told = printed(tmp_path, capsys, "agreement")
    assert "seconds, all: with proposals 20.00 [20.00, 20.00], without 60.00" in told
    assert "Dice with proposals, infection: with proposals 1.00" in told
    rows = json.loads(printed(tmp_path, capsys, "agreement", "--json"))["unaided"]
    assert rows[0]["difference"]["value"] == -40


def test_the_catalog_takes_in_splits_and_compiles_an_export(tmp_path: Path, capsys) -> None:
    from infmap.training.snapshot import read_rows

    store = Store.open(tmp_path / "station")
    station = Station(store)
    for k in range(4):
        film = station.film(f"film {k}", patient=digest(f"patient {k}"))
        store.film_folder(film).mkdir(parents=True)
        pixels = np.ascontiguousarray(render(k + 1, size=64).pixels[:HEIGHT, :WIDTH])
        levels = grey_levels(pixels, 12)
        (store.film_folder(film) / "full").write_bytes(encode_film(levels, 12))
    station.plan()
    while station.read(station.ann, box(5, 5, 20, 15)) is not None:
        pass
    store.close()
    out, catalog, snapshot = (tmp_path / name for name in ("approved", "catalog", "snapshot"))
    printed(tmp_path, capsys, "export", "-o", out)
    assert call("catalog", "ingest", catalog, "--source", f"annotation={out}") == 0
    assert call("catalog", "dedup", catalog) == 0
    assert call("catalog", "split", catalog, "--folds", 2) == 0
    assert call("catalog", "snapshot", catalog, "-o", snapshot) == 0
    rows, _ = read_rows(snapshot)
    assert len(rows) == 4
    for row in rows:
        size = (row["source"], row["width"], row["height"], row["bits"])
        assert size == ("annotation", WIDTH, HEIGHT, 16)
        assert row["infection_pixels"] == 150
        # No class is guessed from a mask.
        assert (row["covid19"], row["normal"]) == (None, None)


def test_a_project_that_is_not_there_is_named_with_those_that_are(folder: Path, capsys) -> None:
    station = folder / "station"
    assert call("annotate", "agreement", "--station", station, "--project", "knee") == 2
    assert "'chest'" in capsys.readouterr().err
