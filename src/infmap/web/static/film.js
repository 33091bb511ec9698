/**
 * Films in the browser: IFL1 bytes, a pyramid of halves, sampling at a viewpoint, window and level.
 *
 * Film pixels are as displayed: (0, 0) is the top left corner of the top left pixel, x to the right,
 * y down. Grey rises with brightness, 0 to 2^bits - 1. A viewpoint is {scale, x, y}: view pixels a
 * film pixel, and the film point at the view's top left corner.
 */

/** One resolution of a film: Uint16Array of width x height, row-major; `step` film pixels a pixel. */
export function level(pixels, width, height, step) {
  return { pixels, width, height, step };
}

/** Raw deflate (RFC 1951) undone: a ReadableStream or bytes in, Uint8Array out. */
export async function inflate(source) {
  const stream = source instanceof ReadableStream ? source : new Blob([source]).stream();
  const plain = stream.pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/**
 * A film of IFL1 bytes: {width, height, bits, levels}, finest level first.
 *
 * Throws an Error that says what was expected and what arrived.
 */
export async function decodeFilm(bytes) {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== "IFL1") throw new Error(`film: expected bytes that start with IFL1, got "${magic}"`);
  const head = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const [width, height, bits] = [4, 8, 12].map((at) => head.getUint32(at, true));
  const raw = await inflate(bytes.subarray(16));
  if (raw.length !== 2 * width * height)
    throw new Error(`film: expected ${2 * width * height} bytes of pixels, got ${raw.length}`);
  // Every machine that a browser runs on is little-endian, as the format is.
  const pixels = new Uint16Array(raw.buffer, 0, width * height);
  for (let row = 0; row < pixels.length; row += width)
    for (let at = row + 1, grey = pixels[row]; at < row + width; at++) {
      grey = (grey + pixels[at]) & 0xffff;
      pixels[at] = grey;
    }
  return { width, height, bits, levels: pyramid(level(pixels, width, height, 1)) };
}

/** A level and its halves, down to about 256 pixels: below that, one sample a pixel is cheap. */
export function pyramid(finest) {
  const levels = [finest];
  for (let last = finest; Math.min(last.width, last.height) >= 512; levels.push(last)) last = half(last);
  return levels;
}

function half({ pixels, width, height, step }) {
  const [w, h] = [width >> 1, height >> 1];
  const out = new Uint16Array(w * h);
  for (let y = 0; y < h; y++) {
    let above = 2 * y * width;
    let below = above + width;
    for (let at = y * w; at < (y + 1) * w; at++, above += 2, below += 2)
      out[at] = (pixels[above] + pixels[above + 1] + pixels[below] + pixels[below + 1] + 2) >> 2;
  }
  return level(out, w, h, 2 * step);
}

/**
 * A film of one coarse level from the preview, a decoded 8-bit picture of the whole film: the first
 * paint, until full depth arrives.
 */
export function previewFilm(picture, width, height, bits) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const pixels = new Uint16Array(picture.width * picture.height);
  const most = 2 ** bits - 1;
  for (let at = 0; at < pixels.length; at++) pixels[at] = (data[4 * at] * most) / 255;
  const step = Math.max(width / picture.width, height / picture.height);
  return { width, height, bits, levels: [level(pixels, picture.width, picture.height, step)] };
}

/** The coarsest level that still has a pixel for each view pixel; the finest where none has. */
function levelFor(film, scale) {
  let best = film.levels[0];
  for (const one of film.levels) if (one.step * scale <= 1.0001) best = one;
  return best;
}

/**
 * The film as grey values of a view, bilinear between pixels of the level that suits the scale.
 *
 * `out` is a Uint16Array of width x height view pixels. Returns [x0, y0, x1, y1], the part of the
 * view that the film covers; the rest of `out` is left as it was.
 */
export function sample(film, { scale, x, y }, out, width, height) {
  const x0 = Math.min(width, Math.max(0, Math.ceil(-x * scale - 0.5)));
  const y0 = Math.min(height, Math.max(0, Math.ceil(-y * scale - 0.5)));
  const x1 = Math.max(x0, Math.min(width, Math.ceil((film.width - x) * scale - 0.5)));
  const y1 = Math.max(y0, Math.min(height, Math.ceil((film.height - y) * scale - 0.5)));
  const from = levelFor(film, scale);
  const { pixels } = from;
  // Weights in 64ths: 16-bit grey times 64 times 64 stays within a 32-bit integer, which is fast.
  const columns = new Int32Array(x1 - x0);
  const right = new Int32Array(x1 - x0);
  for (let i = x0; i < x1; i++) {
    const at = place((x + (i + 0.5) / scale) / from.step - 0.5, from.width);
    columns[i - x0] = at >> 6;
    right[i - x0] = at & 63;
  }
  const n = x1 - x0;
  for (let j = y0; j < y1; j++) {
    const at = place((y + (j + 0.5) / scale) / from.step - 0.5, from.height);
    const top = (at >> 6) * from.width;
    const down = at & 63;
    const below = down ? top + from.width : top;
    const up = 64 - down;
    for (let i = 0, o = j * width + x0; i < n; i++, o++) {
      const a = columns[i];
      const w = right[i];
      const b = w ? a + 1 : a;
      const v = 64 - w;
      out[o] =
        ((pixels[top + a] * v + pixels[top + b] * w) * up +
          (pixels[below + a] * v + pixels[below + b] * w) * down) >> 12;
    }
  }
  return [x0, y0, x1, y1];
}

/** A coordinate clamped to the pixel centres of a side, in 64ths of a pixel. */
function place(at, side) {
  return Math.round(Math.min(side - 1, Math.max(0, at)) * 64);
}

/**
 * Window and level (DICOM PS3.3 C.11.2.1.2) as a table: Uint8Array of 2^bits display values.
 *
 * `center` and `width` in grey levels; `invert` shows bright as dark.
 */
export function windowTable(bits, center, width, invert) {
  const table = new Uint8Array(2 ** bits);
  const span = Math.max(1, width - 1);
  for (let grey = 0; grey < table.length; grey++) {
    const shown = Math.min(1, Math.max(0, (grey - (center - 0.5)) / span + 0.5)) * 255;
    table[grey] = Math.round(invert ? 255 - shown : shown);
  }
  return table;
}
