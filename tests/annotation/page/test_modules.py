"""The page's modules by themselves: bytes as Python writes them, tools, undo, the journal."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from infmap.web import masks

from .conftest import Run

Bytes = NDArray[np.uint8]

UNPACK = """
const bytes = (t) => m.fromBase64(t);
const text = (b) => m.toBase64(new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
"""


def text(data: bytes | NDArray[np.generic]) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.tobytes()).decode()


def array(data: object, dtype: type[np.generic], shape: tuple[int, int]) -> NDArray[np.generic]:
    return np.frombuffer(base64.b64decode(str(data)), dtype).reshape(shape)


def blobs(seed: int, shape: tuple[int, int] = (60, 83)) -> Bytes:
    """Six overlapping labels of smooth shapes."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.normal(size=shape), 5) > 0.03 for _ in range(6)]
    return np.sum([f * (1 << k) for k, f in enumerate(fields)], axis=0).astype(np.uint8)


def ifl1(levels: NDArray[np.uint16], bits: int) -> bytes:
    delta = levels.copy()
    delta[:, 1:] -= levels[:, :-1]
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = deflate.compress(delta.astype("<u2").tobytes()) + deflate.flush()
    return b"IFL1" + struct.pack("<III", levels.shape[1], levels.shape[0], bits) + body


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_film_is_read_to_full_depth(js: Run, bits: int) -> None:
    levels = np.random.default_rng(bits).integers(0, 2**bits, (70, 91)).astype(np.uint16)
    got = js(
        UNPACK + "const f = await m.decodeFilm(bytes(args[0]));"
        "return [f.width, f.height, f.bits, text(f.levels[0].pixels)]",
        text(ifl1(levels, bits)),
    )
    assert got[:3] == [91, 70, bits]
    assert np.array_equal(array(got[3], np.uint16, (70, 91)), levels)


def test_other_bytes_are_no_film(js: Run) -> None:
    got = js(
        UNPACK + "try { await m.decodeFilm(bytes(args[0])) } catch (e) { return e.message }",
        text(b"JFIF" + bytes(20)),
    )
    assert got == 'film: expected bytes that start with IFL1, got "JFIF"'


def test_sampling_one_to_one_gives_the_pixels_and_says_what_is_outside(js: Run) -> None:
    levels = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
    got = js(
        UNPACK + "const f = await m.decodeFilm(bytes(args[0]));"
        "const out = new Uint16Array(40 * 24).fill(9999);"
        "const inside = m.sample(f, {scale: 1, x: -4, y: -2}, out, 40, 24);"
        "return [inside, text(out)]",
        text(ifl1(levels, 12)),
    )
    assert got[0] == [4, 2, 34, 22]
    seen = array(got[1], np.uint16, (24, 40))
    assert np.array_equal(seen[2:22, 4:34], levels)
    assert (seen[:2] == 9999).all()
    assert (seen[:, 34:] == 9999).all()


def test_sampling_between_pixels_is_bilinear(js: Run) -> None:
    levels = np.random.default_rng(3).integers(0, 4096, (40, 50)).astype(np.uint16)
    got = js(
        UNPACK + "const f = await m.decodeFilm(bytes(args[0]));"
        "const out = new Uint16Array(60 * 60);"
        "m.sample(f, {scale: 2.5, x: 7.3, y: 9.1}, out, 60, 60);"
        "return text(out)",
        text(ifl1(levels, 12)),
    )
    at = (np.arange(60) + 0.5) / 2.5 - 0.5
    grid = np.meshgrid(9.1 + at, 7.3 + at, indexing="ij")
    expected = ndimage.map_coordinates(levels.astype(float), grid, order=1)
    # Weights are 64ths of a pixel: at most 4096 / 64 a step on each axis, rounded down.
    assert np.abs(array(got, np.uint16, (60, 60)) - expected).max() < 4096 / 64 + 1


def test_window_and_level_follow_dicom(js: Run) -> None:
    table = js(UNPACK + "return Array.from(m.windowTable(12, 2048, 1000, false))")
    grey = np.arange(4096)
    expected = np.clip((grey - 2047.5) / 999 + 0.5, 0, 1) * 255
    assert np.abs(np.array(table) - expected).max() <= 0.5
    inverted = js(UNPACK + "return Array.from(m.windowTable(12, 2048, 1000, true))")
    assert np.abs(255 - np.array(inverted) - expected).max() <= 0.5


def test_masks_of_python_are_read_bit_for_bit(js: Run) -> None:
    mask = blobs(1)
    for one in (mask, np.zeros_like(mask), np.full_like(mask, 63)):
        got = js(
            UNPACK + "const {mask, width, height} = await m.decodeMask(bytes(args[0]));"
            "return [width, height, text(mask)]",
            text(masks.encode(one)),
        )
        assert got[:2] == [83, 60]
        assert np.array_equal(array(got[2], np.uint8, one.shape), one)


def test_a_patch_toggles_exactly_what_differs(js: Run) -> None:
    before, after = blobs(1), blobs(2)
    got = js(
        UNPACK + "const [a, b] = args.map(bytes);"
        "const rect = m.changedRect(a, b, 83, [0, 0, 83, 60], 4);"
        "const runs = m.diffRuns(a, b, 83, rect, 4);"
        "m.toggleRuns(a, 83, rect, 4, runs);"
        "return [rect, text(a), m.diffRuns(a, b, 83, rect, 4)]",
        text(before),
        text(after),
    )
    changed = ((before ^ after) & 4) != 0
    (top, left), (bottom, right) = np.argwhere(changed).min(0), np.argwhere(changed).max(0)
    assert got[0] == [left, top, right - left + 1, bottom - top + 1]
    assert np.array_equal(array(got[1], np.uint8, before.shape), before ^ (changed * np.uint8(4)))
    assert got[2] is None


def test_the_brush_covers_pixels_within_its_radius_of_the_path(js: Run) -> None:
    a, b, radius = (12.3, 40.7), (61.2, 15.4), 7.6
    got = js(
        UNPACK + "const mask = new Uint8Array(83 * 60);"
        "m.brush({mask, width: 83, height: 60}, 2, args[0], args[1], args[2]);"
        "return text(mask)",
        a,
        b,
        radius,
    )
    y, x = np.mgrid[:60, :83] + 0.5
    (ax, ay), (bx, by) = a, b
    along = np.clip(
        ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / np.hypot(bx - ax, by - ay) ** 2, 0, 1
    )
    away = np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
    assert np.array_equal(array(got, np.uint8, (60, 83)) == 2, away <= radius)


def test_the_eraser_takes_its_label_only(js: Run) -> None:
    mask = np.full((60, 83), 63, np.uint8)
    got = js(
        UNPACK + "const mask = bytes(args[0]);"
        "m.brush({mask, width: 83, height: 60}, 8, [40, 30], [40, 30], 500, {erase: true});"
        "return text(mask)",
        text(mask),
    )
    assert (array(got, np.uint8, (60, 83)) == 63 - 8).all()


def test_a_polygon_is_filled_even_odd(js: Run) -> None:
    points = [[5.2, 5.1], [70.3, 9.7], [40.5, 55.2], [8.8, 30.3], [60.1, 40.4]]
    got = js(
        UNPACK + "const mask = new Uint8Array(83 * 60);"
        "m.polygon({mask, width: 83, height: 60}, 1, args[0]); return text(mask)",
        points,
    )
    y, x = np.mgrid[:60, :83] + 0.5
    inside = np.zeros((60, 83), bool)
    for (px, py), (qx, qy) in zip(points, points[1:] + points[:1]):
        crosses = (py <= y) != (qy <= y)
        inside ^= crosses & (x >= px + (y - py) / (qy - py) * (qx - px))
    assert np.array_equal(array(got, np.uint8, (60, 83)) == 1, inside)


def test_smoothing_takes_the_majority_of_the_square_around(js: Run) -> None:
    shape = (400, 420)
    where = np.random.default_rng(5).random(shape) < ndimage.gaussian_filter(
        np.random.default_rng(6).random(shape), 20
    )
    where[:100, :100] = True
    got = js(
        UNPACK + "const mask = bytes(args[0]);"
        "m.smooth({mask, width: 420, height: 400}, 1); return text(mask)",
        text(where.astype(np.uint8)),
    )
    size = 2 * round(0.003 * 400) + 1
    share = ndimage.uniform_filter(where.astype(float), size, mode="constant")
    whole = ndimage.uniform_filter(np.ones(shape), size, mode="constant")
    assert np.array_equal(array(got, np.uint8, shape) == 1, share / whole > 0.5 + 1e-9)


def test_holes_are_filled_as_scipy_does_and_other_labels_stay(js: Run) -> None:
    mask = blobs(4)
    mask[10:20, 40:55] |= 16
    mask[12:18, 43:50] &= 63 - 16
    got = js(
        UNPACK + "const mask = bytes(args[0]);"
        "m.fillHoles({mask, width: 83, height: 60}, 16); return text(mask)",
        text(mask),
    )
    filled = ndimage.binary_fill_holes((mask & 16) != 0)
    assert filled.sum() > ((mask & 16) != 0).sum()
    expected = mask | (filled * np.uint8(16))
    assert np.array_equal(array(got, np.uint8, mask.shape), expected)


DRAW = """
const mask = new Uint8Array(83 * 60), e = new m.Editor(mask, 83, 60), canvas = e, sent = [];
const disc = (x, y, label, tool = 'brush') => {
  e.begin(tool, label);
  for (let k = 0; k < 3; k++) {
    e.touch(m.brush(canvas, 1 << label, [x + 4 * k, y], [x + 4 * k, y], 6));
    const part = e.part(); if (part) sent.push(part);
  }
  const last = e.end(); if (last) sent.push(last);
};
const replay = (strokes) => {
  const out = new Uint8Array(83 * 60);
  for (const s of strokes) m.toggleRuns(out, 83, s.rect, 1 << s.label, m.fromBase64(s.runs));
  return out;
};
"""


def test_undo_takes_back_whole_gestures_and_redo_brings_them_again(js: Run) -> None:
    got = js(
        UNPACK
        + DRAW
        + "disc(20, 20, 0); const one = mask.slice(); disc(22, 24, 0); disc(50, 30, 3);"
        "const three = mask.slice(); const parts = sent.length;"
        "sent.push(...e.undo()); sent.push(...e.undo()); const undone = mask.slice();"
        "sent.push(...e.redo()); sent.push(...e.redo()); const redone = mask.slice();"
        "const none = e.redo().length;"
        "return [parts, none, ...[one, undone, three, redone, replay(sent)].map(text)]"
    )
    assert got[:2] == [9, 0]
    assert got[2] == got[3] != text(np.zeros((60, 83), np.uint8))
    assert got[4] == got[5] == got[6] != got[2]


def test_undo_is_known_again_from_the_strokes_alone(js: Run) -> None:
    got = js(
        UNPACK
        + DRAW
        + "disc(20, 20, 0); const one = mask.slice(); disc(50, 30, 3); disc(30, 30, 1);"
        "sent.push(...e.undo());"
        "const again = new m.Editor(replay(sent), 83, 60, sent);"
        "sent.push(...again.undo()); const back = again.mask.slice();"
        "again.redo(); again.redo();"
        "return [one, back, mask, again.mask].map(text).concat([again.redo().length])"
    )
    assert got[0] == got[1]
    assert got[3] != got[2]
    assert got[4] == 0


def test_a_hundred_steps_can_be_undone(js: Run) -> None:
    got = js(
        DRAW + "for (let k = 0; k < 105; k++) {"
        "  const at = [k % 80 + 1, k / 2 + 1];"
        "  e.begin('brush', 0); e.touch(m.brush(e, 1, at, at, 0.8)); e.end(); }"
        "let n = 0; while (e.undo().length) n++; return n"
    )
    assert got == 100


def test_a_cancelled_gesture_leaves_no_pixel(js: Run) -> None:
    got = js(
        UNPACK + DRAW + "disc(20, 20, 0); const one = mask.slice();"
        "e.begin('brush', 0); e.touch(m.brush(e, 1, [40, 30], [60, 30], 9)); e.cancel();"
        "return [text(one), text(mask), e.steps.length]"
    )
    assert got[0] == got[1]
    assert got[2] == 1


def test_strokes_rebased_give_the_same_pixels_the_same_values(js: Run) -> None:
    before, other = blobs(7) & 1, blobs(8) & 1
    got = js(
        UNPACK + "const [before, now] = args.map(bytes);"
        "const e = new m.Editor(before.slice(), 83, 60); const sent = [];"
        "e.begin('brush', 0); e.touch(m.brush(e, 1, [20, 20], [50, 30], 8)); sent.push(e.end());"
        "e.begin('eraser', 0); e.touch(m.brush(e, 1, [40, 10], [30, 50], 5, {erase: true}));"
        "sent.push(e.end());"
        "for (const s of m.rebased(sent, before, now, 83))"
        "  m.toggleRuns(now, 83, s.rect, 1, bytes(s.runs));"
        "const touched = new Uint8Array(now.length);"
        "const touch = (a, b) => touched.fill(1, a, b);"
        "for (const s of sent) m.eachRun(s.rect, bytes(s.runs), 83, touch);"
        "return [e.mask, now, touched].map(text)",
        text(before),
        text(other),
    )
    drawn, landed, touched = (array(t, np.uint8, before.shape) for t in got)
    touched = touched == 1
    assert np.array_equal(landed[touched], drawn[touched])
    assert np.array_equal(landed[~touched], other[~touched])


def test_the_journal_keeps_order_and_drops_only_what_is_stored(js: Run) -> None:
    got = js(
        "const j = await m.Journal.open();"
        "for (const [d, u] of [['a', '1'], ['b', '9'], ['a', '2'], ['a', '3']])"
        "  await j.put(d, {uuid: u}, 4);"
        "await j.drop('a', ['2']);"
        "const uuids = async (d) => (await j.pending(d)).map((r) => r.stroke.uuid + '/' + r.after);"
        "const first = [await uuids('a'), await uuids('b')];"
        "await j.drop('a'); return [...first, await uuids('a'), await uuids('b')]"
    )
    assert got == [["1/4", "3/4"], ["9/4"], [], ["9/4"]]


COMPOSE = """
const grey = m.level(new Uint16Array(83 * 60).fill(100), 83, 60, 1);
const f = {width: 83, height: 60, bits: 8, levels: [grey]};
const canvas = new OffscreenCanvas(83, 60), panel = new m.Panel(canvas, new m.Grey());
panel.resize(83, 60); panel.mask = m.fromBase64(args[0]);
const table = m.windowTable(8, 128, 256, false);
const look = (contour) => ({...m.overlayTables(table, 0.5, 1), contour});
const view = {scale: 1, x: 0, y: 0};
const red = () => { const d = panel.context.getImageData(0, 0, 83, 60).data;
  return m.toBase64(Uint8Array.from({length: 83 * 60}, (_, k) => d[4 * k])); };
"""


def test_fill_and_contour_are_drawn_over_the_film(js: Run) -> None:
    mask = np.zeros((60, 83), np.uint8)
    mask[20:40, 10:50] = 1
    got = js(
        COMPOSE + "panel.draw(f, view, look(false)); const fill = red();"
        "panel.whole = true; panel.draw(f, view, look(true)); return [fill, red()]",
        text(mask),
    )
    fill, contour = (array(t, np.uint8, mask.shape) for t in got)
    # Infection is drawn in orange, red 230, half over grey 100.
    assert np.array_equal(np.unique(fill[mask == 1]), [165])
    assert np.array_equal(np.unique(fill[mask == 0]), [100])
    edge = (mask == 1) & ~ndimage.binary_erosion(mask, iterations=2)
    assert np.array_equal(contour == 230, edge)


@pytest.mark.parametrize("contour", ["false", "true"])
def test_a_dirty_rectangle_is_drawn_as_the_whole_would_be(js: Run, contour: str) -> None:
    got = js(
        COMPOSE + f"const l = look({contour}); view.scale = 1.3; panel.draw(f, view, l);"
        "const rect = m.brush({mask: panel.mask, width: 83, height: 60}, 1, [30, 20], [44, 35], 6);"
        "panel.changed(rect); panel.draw(f, view, l); const part = red();"
        "panel.whole = true; panel.draw(f, view, l); return [part, red()]",
        text(blobs(9) & 1),
    )
    assert got[0] == got[1]
