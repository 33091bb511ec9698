"""Exports of a tiny catalog that has every awkward film: unknown masks, 16 bits, colour, DICOM."""

from __future__ import annotations

import csv
import errno
import json
import sys
from pathlib import Path

import pytest

from infmap.catalog.schema import COLUMNS
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError
from infmap.export import EXPORTS, export
from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from exporting import listed, reasons, run  # noqa: E402


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_film_is_exported_or_left_out_with_a_reason(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    manifest = run(catalog, kind, out)
    assert manifest == json.loads((out / "export.json").read_text())
    assert manifest["films"] + sum(reasons(manifest).values()) == 6
    assert manifest["failed"] == 0
    films = listed(out)
    assert len(films) == manifest["films"] > 0
    for row in films.values():
        assert (out / row["image"]).is_file()
    if manifest["left_out"]:
        with (out / "left_out.csv").open(newline="") as file:
            gone = {row["film_id"].removeprefix("cohen/") for row in csv.DictReader(file)}
        assert gone | set(films) == {
            row["film_id"].removeprefix("cohen/") for row in catalog.films()
        }
    licences = (out / "LICENCES.md").read_text()
    assert SOURCES["cohen"].citation in licences and "| CC BY 4.0 |" in licences
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("kind", EXPORTS)
def test_nothing_is_written_over_and_a_failed_export_leaves_nothing(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("keep")
    with pytest.raises(UsageError, match="empty folder"):
        run(catalog, kind, out)
    assert (out / "mine").read_text() == "keep"
    for film in (tmp_path / "source").glob("*.*"):
        film.write_bytes(b"not a film")
    with pytest.raises(UsageError, match="cannot be read"):
        run(catalog, kind, tmp_path / "other")
    assert not list(tmp_path.glob("*other*"))


def test_a_full_disk_is_an_error_and_not_a_film_left_out(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(UsageError, match="No space left"):
        run(catalog, "folders", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_films_whose_file_is_gone_are_counted_as_failed(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "source" / "a b.png").unlink()
    (tmp_path / "source" / "infection" / "half.png").write_bytes(b"no mask")
    manifest = run(catalog, "folders", tmp_path / "out")
    assert manifest["failed"] == 2
    assert reasons(manifest) == {"its file is missing": 1, "its infection mask cannot be read": 1}
    assert not list((tmp_path / "out").rglob("*deep*"))


def test_wrong_use_is_a_clear_error(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="one of coco, nnunet"):
        run(catalog, "voc", out)
    with pytest.raises(UsageError, match="selects no film"):
        run(catalog, "coco", out, where="width > 9999")
    with pytest.raises(UsageError, match="nosuch"):
        run(catalog, "coco", out, where="nosuch")
    with pytest.raises(UsageError, match=r"no known infection mask \(films: 1\)"):
        run(catalog, "monai", out, where="infection_mask IS NULL")
    with pytest.raises(SnapshotError, match="a catalog or a snapshot"):
        export(tmp_path / "nowhere", "coco", out)
    assert not out.exists()


def test_every_mask_column_is_one_of_the_table() -> None:
    from infmap.export.films import MASKS

    assert set(MASKS.values()) == {c for c in COLUMNS["films"] if c.endswith("_mask")}
