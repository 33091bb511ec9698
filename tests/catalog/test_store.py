"""Tables change together or not at all, and one writer at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infmap.catalog.schema import make_frame
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError

FILM = {"film_id": "s/a", "source": "s", "path": "a.png"}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "catalog")
    catalog.commit(
        {"films": make_frame("films", [FILM])},
        pictures=np.full((1, 64, 64), 7, np.uint8),
        roots={"s": "/films"},
    )
    return catalog


def test_what_was_committed_is_read_back(catalog: Catalog) -> None:
    again = Catalog(catalog.folder)
    assert again.films()[0]["path"] == "a.png"
    assert again.pictures()[0, 3, 3] == 7
    assert again.resolve(FILM, "a.png") == Path("/films/a.png")
    assert again.resolve(FILM, "@catalog/masks/a") == catalog.folder / "masks/a"


def test_a_commit_that_breaks_off_leaves_everything_as_it_was(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalog.manifest
    monkeypatch.setattr("infmap.catalog.store.write_json", _full)
    with pytest.raises(OSError, match="disk"):
        catalog.write("films", [FILM, FILM | {"film_id": "s/b"}])
    assert catalog.manifest == before
    assert len(Catalog(catalog.folder).films()) == 1


def _full(path: Path, value: object, *, durable: bool) -> None:
    raise OSError("disk full")


def test_old_generations_are_swept_but_the_last_stays_for_its_readers(catalog: Catalog) -> None:
    for reason in ("x", "y", "z"):
        catalog.write("failures", [{"source": "s", "path": "b", "reason": reason}])
    names = sorted(path.name for path in (catalog.folder / "tables").glob("failures-*"))
    assert names == ["failures-000003.parquet", "failures-000004.parquet"]
    assert catalog.rows("failures")[0]["reason"] == "z"


def test_a_second_writer_is_told_to_wait(catalog: Catalog) -> None:
    hold = (
        "import sys; from pathlib import Path; from infmap.catalog.store import Catalog\n"
        f"with Catalog(Path({str(catalog.folder)!r})).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "held\n"
    with pytest.raises(SnapshotError, match="another process is writing"):
        catalog.write("scores", [])
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    catalog.write("scores", [])


def test_the_catalog_of_an_older_version_is_rewritten(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "catalog.json").write_text(json.dumps({"version": 1, "roots": {"s": "/films"}}))
    names = ["s/b", "s/a"]
    pl.DataFrame(
        {"film_id": names, "source": ["s", "s"], "path": ["b", "a"], "pixel_hash": ["0b", "0a"],
         "fold": [1, 0]}
    ).write_parquet(folder / "films.parquet")  # fmt: skip
    pl.DataFrame(
        {"film_id": names, "thumbnail": [bytes([n] * 4096) for n in (2, 1)]}
    ).write_parquet(folder / "thumbnails.parquet")
    catalog = Catalog(folder)
    rows = catalog.films()
    assert [(r["film_id"], r["perceptual_hash"], r["pixel_hash"], r["fold"]) for r in rows] == [
        ("s/a", "0a", None, 0),
        ("s/b", "0b", None, 1),
    ]
    assert catalog.pictures()[:, 0, 0].tolist() == [1, 2]
    assert catalog.roots == {"s": "/films"}
    assert not list(folder.glob("*.parquet"))


@pytest.mark.parametrize("text", ["", "{}", '{"version": 99, "roots": {}}', '{"version": 2}'])
def test_a_damaged_manifest_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalog.json").write_text(text)
    with pytest.raises(SnapshotError) as refused:
        Catalog(tmp_path)
    assert "\n" not in str(refused.value)


def test_pictures_that_do_not_fit_the_films_are_refused(catalog: Catalog) -> None:
    catalog.write("films", [FILM, FILM | {"film_id": "s/b"}])
    with pytest.raises(SnapshotError, match="one picture a film"):
        catalog.pictures()
