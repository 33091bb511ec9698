from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.dedup.duplicates import components, copies, exact
from infmap.dedup.thumbnails import thumbnail

sys.path.insert(0, str(Path(__file__).parent))
from disguises import EDITS, FILMS  # noqa: E402


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


def test_flat_films_are_no_copies_of_each_other(thumbs) -> None:
    flat = np.full((3, 64, 64), 7, np.uint8)
    everything = np.concatenate([thumbs[:5], flat])
    names = [str(n) for n in range(8)]
    assert copies(names, everything, np.arange(8)) == []


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


def test_components_keep_rejected_pairs_apart_even_through_others() -> None:
    links = [("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")]
    assert set(components("abcde", links).values()) == {"a"}
    found = components("abcde", links, [("a", "b")])
    assert found == {"a": "a", "c": "a", "b": "b", "d": "b", "e": "b"}
