"""A pack holds what decoding gives, and any film of it can be read alone."""

import json
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from infmap.catalog.schema import make_frame
from infmap.catalog.snapshot import read_snapshot, write_rows, write_snapshot
from infmap.catalog.store import locate
from infmap.core.errors import SnapshotError, UsageError
from infmap.inference.preprocess import Preprocessing
from infmap.training import pack as module
from infmap.training.dataset import LUNGS, load_films
from infmap.training.pack import Pack, find_pack, pack_name, write_pack

sys.path.insert(0, str(Path(__file__).parents[1] / "catalog"))
from small_catalog import catalog, row, save  # noqa: E402

SPEC = Preprocessing(size=64)
TWO = 2 * 64 * 64
"""Bytes of a shard of two films."""


@pytest.fixture
def snapshot(tmp_path):
    """Five films of odd sizes; some with masks."""
    films = []
    for n, size in enumerate([(96, 96), (120, 80), (70, 130), (64, 64), (200, 90)]):
        kind = n % 2 == 0
        films.append(row(
            f"s/{n}", covid19=kind, normal=not kind, infection_mask=f"i{n}.png" if kind else None,
            lung_mask=f"l{n}.png" if n < 3 else None,
        ))  # fmt: skip
        save(tmp_path / "s" / f"{n}.png", 10 * n, size)
        for seed, name in enumerate(("i", "l"), 1):
            path = tmp_path / "s" / f"{name}{n}.png"
            save(path, 10 * n + seed, size)
            with Image.open(path) as noise:
                noise.point(lambda value: 255 * (value > 127)).save(path)
    write_snapshot(catalog(tmp_path / "c", films), tmp_path / "snapshot")
    return tmp_path / "snapshot"


def load(snapshot, spec=SPEC, pack=None, lungs=("s",), order=None):
    frame, roots = read_snapshot(snapshot)
    rows = frame.to_dicts()
    rows = [rows[i] for i in order or range(len(rows))]
    return load_films(rows, lambda r, p: locate(roots, r, p), spec, lungs, pack=pack)


def same(a, b) -> bool:
    names = ("images", "masks", "truth", "classes")
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names) and a.rows == b.rows


def read_sums(pack: Pack) -> list[int]:
    return [int(pack[i][0].sum()) for i in range(len(pack))]


@pytest.mark.parametrize("lungs", [("s",), ()])
def test_films_from_a_pack_are_those_that_decoding_gives(snapshot, lungs):
    decoded = load(snapshot, lungs=lungs, order=[3, 0, 4, 2])
    write_pack(snapshot, 64, 1, shard_bytes=TWO)
    pack = find_pack(snapshot, SPEC)
    assert len(pack) == 5 and [s.films for s in pack.shards] == [2, 2, 1]
    packed = load(snapshot, lungs=lungs, order=[3, 0, 4, 2], pack=pack)
    assert same(decoded, packed)
    assert bool((packed.masks & LUNGS).any()) == bool(lungs)


def test_films_are_read_from_the_pack_and_not_from_their_files(snapshot, tmp_path):
    decoded = load(snapshot)
    write_pack(snapshot, 64, 1, shard_bytes=TWO)
    for file in (tmp_path / "s").iterdir():
        file.unlink()
    assert same(load(snapshot, pack=find_pack(snapshot, SPEC)), decoded)


def test_a_film_that_is_not_in_the_pack_as_described_is_decoded(snapshot, tmp_path):
    write_pack(snapshot, 64, 1)
    frame, roots = read_snapshot(snapshot)
    films = frame.to_dicts()
    films[1]["pixel_hash"] = "another"
    save(tmp_path / "s" / "1.png", 77, (60, 40))
    out = tmp_path / "split"
    made_from = {"made_from": str(snapshot)}
    write_rows(out, make_frame("films", films), roots=roots, about=made_from)
    pack = find_pack(out, SPEC)
    assert pack.find(films).tolist() == [0, -1, 2, 3, 4]
    assert same(load(out, pack=pack), load(out))


def test_a_pack_that_calls_a_source_by_its_former_name_is_used(snapshot):
    folder = write_pack(snapshot, 64, 1)
    path = folder / "films.parquet"
    name = pl.col("film_id").str.replace("^s/", "radiologist/")
    packed = pl.read_parquet(path, memory_map=False).with_columns(name)
    path.unlink()  # it is read only
    packed.write_parquet(path)
    films = read_snapshot(snapshot)[0].to_dicts()
    today = [
        row | {"film_id": row["film_id"].replace("s/", "general-blockchain/")} for row in films
    ]
    assert Pack(folder).find(today).tolist() == [0, 1, 2, 3, 4]
    assert Pack(folder).find(films).tolist() == [-1] * 5, "films of another source"


def test_one_film_can_be_read_alone_in_any_process(snapshot):
    pack = Pack(write_pack(snapshot, 64, 1, shard_bytes=TWO))
    films = load(snapshot)
    for index in (4, 0, 3):
        image, mask = pack[index]
        np.testing.assert_array_equal(image, films.images[index])
        np.testing.assert_array_equal(mask, films.masks[index])
        assert not image.flags.writeable
    assert len(pickle.dumps(pack)) < 5000  # the maps stay behind
    assert read_sums(pickle.loads(pickle.dumps(pack))) == read_sums(pack)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            pack[index]


def test_workers_pack_the_same_and_read_together(snapshot, tmp_path):
    alone = Pack(write_pack(snapshot, 64, 1, shard_bytes=TWO))
    frame, roots = read_snapshot(snapshot)
    write_rows(tmp_path / "again", frame, roots=roots)
    together = Pack(write_pack(tmp_path / "again", 64, 2, shard_bytes=TWO))
    assert together.shards == alone.shards
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        found = list(pool.map(alone.__getitem__, range(5)))
    assert [int(image.sum()) for image, _ in found] == read_sums(alone)


def test_a_pack_that_was_stopped_goes_on_after_its_last_whole_shard(snapshot, monkeypatch):
    whole, decoded = module.decode_film, []

    def stopping(film_id, *rest):
        decoded.append(film_id)
        if film_id == "s/3" and len(decoded) < 5:
            raise KeyboardInterrupt
        return whole(film_id, *rest)

    monkeypatch.setattr(module, "decode_film", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_pack(snapshot, 64, 1, shard_bytes=TWO)
    assert not (snapshot / pack_name(SPEC)).exists() and find_pack(snapshot, SPEC) is None
    seen = []
    write_pack(snapshot, 64, 1, lambda done, total: seen.append((done, total)), shard_bytes=TWO)
    assert decoded == ["s/0", "s/1", "s/2", "s/3", "s/2", "s/3", "s/4"]
    assert seen[0] == (2, 5) and seen[-1] == (5, 5)
    assert sorted(p.name for p in snapshot.iterdir() if p.name.startswith(".")) == []
    Pack(snapshot / pack_name(SPEC)).verify()
    assert same(load(snapshot, pack=find_pack(snapshot, SPEC)), load(snapshot))


def test_a_pack_that_is_there_stays(snapshot):
    pack = write_pack(snapshot, 64, 1)
    before = (pack / "pack.json").stat().st_mtime_ns
    assert write_pack(snapshot, 64, 1, shard_bytes=TWO) == pack
    assert (pack / "pack.json").stat().st_mtime_ns == before
    about = json.loads((pack / "pack.json").read_text())
    assert about["preprocessing"] == {
        "size": 64,
        "low": 0.5,
        "high": 99.5,
        "crop": "field",
    }
    pack.joinpath("pack.json").chmod(0o644)
    (pack / "pack.json").write_text(json.dumps(about | {"snapshot": "0"}))
    with pytest.raises(SnapshotError, match="other preprocessing or films"):
        write_pack(snapshot, 64, 1)


def test_other_preprocessing_finds_no_pack(snapshot):
    write_pack(snapshot, 64, 1)
    assert find_pack(snapshot, Preprocessing(size=128)) is None
    assert find_pack(snapshot, Preprocessing(size=64, low=1.0)) is None
    assert find_pack(snapshot, Preprocessing(size=64, crop=None)) is None
    with pytest.raises(ValueError, match="expected a pack of"):
        load(snapshot, Preprocessing(size=128), find_pack(snapshot, SPEC))


@pytest.mark.parametrize("name", ["images-000.npy", "masks-000.npy"])
def test_a_damaged_shard_is_found(snapshot, name):
    pack = write_pack(snapshot, 64, 1)
    path = pack / name
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=f"{name}: missing, or not as it was written"):
        Pack(pack).verify()
    path.write_bytes(content[:-9])
    with pytest.raises(SnapshotError, match="pack again"):
        Pack(pack)[0]


@pytest.mark.parametrize("text", ["", "{}", '{"version": 9}', '{"version": 1, "preprocessing": 3}'])
def test_a_damaged_pack_is_one_line(tmp_path, text):
    (tmp_path / "pack.json").write_text(text)
    with pytest.raises(SnapshotError) as refused:
        Pack(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_film_that_cannot_be_read_is_named(snapshot, tmp_path):
    (tmp_path / "s" / "3.png").write_bytes(b"no film")
    with pytest.raises(SnapshotError, match="film s/3 cannot be loaded"):
        write_pack(snapshot, 64, 2)
    assert not (snapshot / pack_name(SPEC)).exists()


@pytest.mark.parametrize(("size", "workers"), [(32, 1), (64, 0)])
def test_wrong_use_is_refused(snapshot, size, workers):
    with pytest.raises(UsageError):
        write_pack(snapshot, size, workers)
