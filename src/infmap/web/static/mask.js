/**
 * Masks of several labels: a Uint8Array of width x height, row-major, bit k set where label k lies.
 * Overlaps are free. IMK1 bytes and XOR patches are the formats of infmap.web.masks.
 *
 * A rectangle is [x, y, width, height] in film pixels.
 */
import { inflate } from "./film.js";

/** The mask of IMK1 bytes: {mask, width, height}. Throws an Error on other or damaged bytes. */
export async function decodeMask(bytes) {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== "IMK1") throw new Error(`mask: expected bytes that start with IMK1, got "${magic}"`);
  const reader = new Varints(await inflate(bytes.subarray(4)));
  const width = reader.next();
  const height = reader.next();
  const present = reader.byte();
  const mask = new Uint8Array(width * height);
  for (let bit = 1; bit <= present; bit <<= 1) {
    if (!(present & bit)) continue;
    for (let at = 0, on = false; at < mask.length; on = !on) {
      const end = at + reader.next();
      if (end > mask.length) throw new Error("mask: expected runs of its size, got longer ones");
      if (on) for (; at < end; at++) mask[at] |= bit;
      at = end;
    }
  }
  return { mask, width, height };
}

/** LEB128 varints of bytes, one after another. */
class Varints {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    if (this.at >= this.bytes.length) throw new Error("mask: expected more runs, got truncated bytes");
    return this.bytes[this.at++];
  }

  next() {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }
}

/**
 * The pixels of a label that differ between two masks, as runs over a rectangle: unchanged first,
 * varints in a Uint8Array. Null where nothing differs.
 */
export function diffRuns(before, after, stride, [x, y, width, height], bit) {
  const bytes = [];
  let run = 0;
  let changed = 0;
  for (let row = y; row < y + height; row++)
    for (let at = row * stride + x, end = at + width; at < end; at++) {
      const now = (before[at] ^ after[at]) & bit ? 1 : 0;
      if (now !== changed) {
        varint(bytes, run);
        run = 0;
        changed = now;
      }
      run++;
    }
  if (bytes.length === 0 && !changed) return null;
  varint(bytes, run);
  return Uint8Array.from(bytes);
}

function varint(bytes, value) {
  while (value > 127) {
    bytes.push((value & 127) | 128);
    value = Math.floor(value / 128);
  }
  bytes.push(value);
}

/** Toggle a label in the changed pixels of a patch, in place; the same patch again undoes it. */
export function toggleRuns(mask, stride, rect, bit, runs) {
  eachRun(rect, runs, stride, (from, to) => {
    for (let at = from; at < to; at++) mask[at] ^= bit;
  });
}

/** Calls `visit(from, to)` with the places in the mask of each changed run, row by row. */
export function eachRun([x, y, width, height], runs, stride, visit) {
  const reader = new Varints(runs);
  const total = width * height;
  for (let at = 0, on = false; at < total; on = !on) {
    const end = at + reader.next();
    if (end > total) throw new Error("stroke: expected runs of its rectangle, got longer ones");
    while (on && at < end) {
      const column = at % width;
      const n = Math.min(end - at, width - column);
      const from = (y + (at - column) / width) * stride + x + column;
      visit(from, from + n);
      at += n;
    }
    at = end;
  }
}

/** The smallest rectangle around the pixels of a label that differ, within a rectangle; or null. */
export function changedRect(before, after, stride, [x, y, width, height], bit) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  for (let row = y; row < y + height; row++) {
    const start = row * stride;
    let first = x;
    const end = x + width;
    while (first < end && !((before[start + first] ^ after[start + first]) & bit)) first++;
    if (first === end) continue;
    let last = end - 1;
    while (!((before[start + last] ^ after[start + last]) & bit)) last--;
    x0 = Math.min(x0, first);
    x1 = Math.max(x1, last);
    y0 = Math.min(y0, row);
    y1 = row;
  }
  return y1 < 0 ? null : [x0, y0, x1 - x0 + 1, y1 - y0 + 1];
}

/** Bytes as base64 and back. */
export function toBase64(bytes) {
  let text = "";
  // In pieces: an argument list of a whole patch can exceed the stack.
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
