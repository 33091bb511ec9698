from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.pairs import read_decisions, write_pairs
from infmap.catalog.store import Catalog, make_frame
from infmap.core.errors import SnapshotError, UsageError
from infmap.dedup.alignment import Structure, align, best_alignment
from infmap.dedup.duplicates import components, copies, exact
from infmap.dedup.embedding import candidates, equalised
from infmap.dedup.thumbnails import perceptual_hashes, thumbnail

FILMS = 24
RNG = np.random.default_rng(0)


def rotated(plane, degrees):
    height, width = plane.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(plane, turn, (width, height))


EDITS = {
    "gamma": lambda p: np.round(255 * (p / 255.0) ** 1.7).astype(np.uint8),
    "noise": lambda p: np.clip(p + RNG.normal(0, 3, p.shape), 0, 255).astype(np.uint8),
    "equalised": cv2.equalizeHist,
    "resized": lambda p: np.asarray(Image.fromarray(p).resize((128, 128))),
    "cropped": lambda p: p[18:, 10:-8],
    "rotated": lambda p: rotated(p, 5),
    "rotated back": lambda p: rotated(p, -5),
    "inverted": lambda p: 255 - p,
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "inverted and mirrored": lambda p: np.ascontiguousarray(255 - p[:, ::-1]),
}


@pytest.fixture(scope="module")
def planes() -> list[np.ndarray]:
    """Two dark lungs, which all films share, under a texture of each film's own."""
    rows, columns = np.mgrid[-1:1:192j, -1:1:192j]
    lungs = sum(np.exp(-(((columns - x) / 0.35) ** 2) - (rows / 0.7) ** 2) for x in (-0.45, 0.5))
    films = []
    for seed in range(FILMS):
        grain = np.random.default_rng(seed).integers(0, 120, (14, 14)).astype(np.float32)
        texture = cv2.resize(grain, (192, 192), interpolation=cv2.INTER_CUBIC)
        films.append(np.clip(150 - 100 * lungs + texture, 0, 255).astype(np.uint8))
    return films


@pytest.fixture(scope="module")
def thumbs(planes) -> np.ndarray:
    return np.stack([thumbnail(plane) for plane in planes])


def make_catalog(folder: Path, thumbs: np.ndarray, **columns) -> Catalog:
    names = [f"s/f{n:03}" for n in range(len(thumbs))]
    rows = [
        {"film_id": name, "source": "s", "path": f"{name[2:]}.png", "bytes_hash": name,
         "pixel_hash": name} | {key: values[n] for key, values in columns.items()}
        for n, name in enumerate(names)
    ]  # fmt: skip
    catalog = Catalog(folder)
    tables = {"films": make_frame("films", rows), "duplicates": make_frame("duplicates", [])}
    catalog.commit(tables, pictures=thumbs, roots={"s": str(folder.parent / "nowhere")})
    return catalog


def test_every_edit_is_found_with_its_kind_and_nothing_else_is(planes, thumbs) -> None:
    edited = [thumbnail(np.ascontiguousarray(edit(p))) for edit, p in zip(EDITS.values(), planes)]
    everything = np.concatenate([thumbs, edited])
    names = [f"f{n:03}" for n in range(len(everything))]
    rows = copies(names, everything, np.arange(len(names)))
    found = {(r["film_a"], r["film_b"]): r["kind"] for r in rows}
    kinds = {"inverted": "copy+inverted", "mirrored": "copy+mirrored",
             "inverted and mirrored": "copy+inverted+mirrored"}  # fmt: skip
    wanted = {
        (f"f{n:03}", f"f{FILMS + n:03}"): kinds.get(edit, "copy") for n, edit in enumerate(EDITS)
    }
    assert found == wanted


def test_a_learnt_embedding_and_inverted_lists_find_copies_too(thumbs, monkeypatch) -> None:
    monkeypatch.setattr("infmap.dedup.embedding._FEWEST", 10)
    monkeypatch.setattr("infmap.dedup.embedding._FLAT", 10)
    everything = np.concatenate([thumbs, 255 - thumbs[:4]])
    found = candidates(everything, np.arange(len(everything)))
    pairs = {frozenset(p) for p in zip(found.query.tolist(), found.other.tolist())}
    assert all(frozenset((n, FILMS + n)) in pairs for n in range(4))


def test_alignment_undoes_a_shift_and_tells_another_film(thumbs) -> None:
    move = np.array([[1, 0, 2.5], [0, 1, -1.5]], np.float32)
    moved = cv2.warpAffine(thumbs[0], move, (64, 64), None, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    found = best_alignment(Structure(thumbs[0]), Structure(moved))
    assert found.score > 0.9
    np.testing.assert_allclose(found.warp, move, atol=0.15)
    assert align(Structure(thumbs[0]), Structure(thumbs[1])).score < 0.88


def test_flat_films_are_no_copies_of_each_other(thumbs) -> None:
    flat = np.full((3, 64, 64), 7, np.uint8)
    everything = np.concatenate([thumbs[:5], flat])
    names = [str(n) for n in range(8)]
    assert copies(names, everything, np.arange(8)) == []


def test_ranks_ignore_tone_curves_and_turn_over_with_the_film(thumbs) -> None:
    assert np.abs(equalised(255 - thumbs) + equalised(thumbs)).max() < 1e-5
    np.testing.assert_allclose(equalised(thumbs // 2 * 2), equalised(thumbs // 2), atol=1e-5)


def test_same_bytes_and_same_pixels_need_no_alignment() -> None:
    films = [
        {"film_id": "a", "bytes_hash": "1", "pixel_hash": "x"},
        {"film_id": "b", "bytes_hash": "1", "pixel_hash": "x"},
        {"film_id": "c", "bytes_hash": "2", "pixel_hash": "x"},
        {"film_id": "d", "bytes_hash": "3", "pixel_hash": None},
        {"film_id": "e", "bytes_hash": "3", "pixel_hash": "y"},
        {"film_id": "f", "bytes_hash": None, "pixel_hash": None},
    ]
    rows, alone = exact(films)
    assert [(r["film_a"], r["film_b"], r["kind"]) for r in rows] == [
        ("a", "b", "bytes"), ("a", "c", "pixels"), ("d", "e", "bytes")]  # fmt: skip
    assert alone.tolist() == [0, 3, 5]


def test_deduplication_keeps_splits_and_repeats_itself(tmp_path, planes, thumbs) -> None:
    both = np.concatenate([thumbs[:6], thumbnail(EDITS["gamma"](planes[2]))[None]])
    hashes = ["x", "x", *"cdefg"]
    catalog = make_catalog(tmp_path / "c", both, pixel_hash=hashes, fold=[0, 1, 2, 3, 4, 0, 1])
    rows = deduplicate(catalog)
    assert [(r["film_a"], r["film_b"], r["kind"]) for r in rows] == [
        ("s/f000", "s/f001", "pixels"), ("s/f002", "s/f006", "copy")]  # fmt: skip
    films = catalog.film_frame()
    assert films["cluster_id"].to_list() == [
        f"s/f{n:03}" for n in (0, 0, 2, 3, 4, 5, 2)
    ]  # fmt: skip
    assert films["fold"].to_list() == [0, 1, 2, 3, 4, 0, 1]
    assert deduplicate(catalog) == rows


def test_an_empty_catalog_says_so(tmp_path) -> None:
    with pytest.raises(SnapshotError, match="ingest"):
        deduplicate(Catalog(tmp_path / "c"))


def test_components_keep_rejected_pairs_apart_even_through_others() -> None:
    links = [("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")]
    assert set(components("abcde", links).values()) == {"a"}
    found = components("abcde", links, [("a", "b")])
    assert found == {"a": "a", "c": "a", "b": "b", "d": "b", "e": "b"}


def decide(path: Path, *lines: tuple[str, str, str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("film_a", "film_b", "verdict"), *lines])
    return path


def test_verdicts_count_at_once_and_in_later_runs(tmp_path, planes, thumbs) -> None:
    both = np.concatenate([thumbs[:4], thumbnail(EDITS["gamma"](planes[2]))[None]])
    catalog = make_catalog(tmp_path / "c", both)
    deduplicate(catalog)
    decisions = decide(
        tmp_path / "d.csv",
        ("s/f004", "s/f002", "rejected"),
        ("s/f000", "s/f001", "confirmed"),
        ("s/f000", "s/gone", "confirmed"),
    )
    assert read_decisions(catalog, decisions) == 2
    wanted = [f"s/f{n:03}" for n in (0, 0, 2, 3, 4)]
    assert catalog.film_frame()["cluster_id"].to_list() == wanted
    deduplicate(catalog)
    assert catalog.film_frame()["cluster_id"].to_list() == wanted
    verdicts = {(r["film_a"], r["film_b"]): r["verdict"] for r in catalog.rows("duplicates")}
    assert verdicts == {("s/f000", "s/f001"): "confirmed", ("s/f002", "s/f004"): "rejected"}
    read_decisions(catalog, decide(tmp_path / "e.csv", ("s/f002", "s/f004", "")))
    assert catalog.film_frame()["cluster_id"].to_list()[4] == "s/f002"


def test_wrong_decisions_name_their_line(tmp_path, thumbs) -> None:
    catalog = make_catalog(tmp_path / "c", thumbs[:2])
    with pytest.raises(UsageError, match="line 2"):
        read_decisions(catalog, decide(tmp_path / "d.csv", ("s/f000", "s/f001", "maybe")))
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="the column 'film_a'"):
        read_decisions(catalog, tmp_path / "x.csv")
    with pytest.raises(UsageError):
        read_decisions(catalog, tmp_path / "missing.csv")


def test_the_page_shows_doubtful_pairs_first_and_needs_no_other_file(
    tmp_path, planes, thumbs
) -> None:
    edited = [thumbnail(np.ascontiguousarray(EDITS[e](planes[n]))) for n, e in
              enumerate(("gamma", "cropped", "inverted and mirrored"))]  # fmt: skip
    catalog = make_catalog(tmp_path / "c", np.concatenate([thumbs[:4], edited]))
    scores = [row["score"] for row in deduplicate(catalog)]
    page = tmp_path / "out" / "pairs.html"
    assert write_pairs(catalog, page) == 3
    text = page.read_text(encoding="utf-8")
    places = [text.index(f"{score:.3f}") for score in sorted(scores)]
    assert places == sorted(places)
    assert "copy+inverted+mirrored" in text
    assert "http" not in text.replace("data:image", "")
    assert write_pairs(catalog, page, most=1) == 1


def test_frames_are_cut_off_thumbnails(planes) -> None:
    framed = np.pad(planes[0], 40)
    difference = thumbnail(framed).astype(int) - thumbnail(planes[0])
    assert np.abs(difference).mean() < 6
    assert [len(h) for h in perceptual_hashes(thumbnail(framed)[None])] == [16]
