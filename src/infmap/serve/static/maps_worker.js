/**
 * Reads maps and lays films over each other, off the page's thread.
 *
 * In: {id, kind, ...}; out: {id, result} with its buffers moved, or {id, status, error}.
 * "maps": {urls: {infection, opacity, zones}, width, height} of PNGs, 8 bits, film pixels.
 * "warp": {planes: [typed arrays], width, height, matrix, size: [width, height]}, see `warp`.
 */
import { count } from "./shares.js";
import { warp } from "./warp.js";

/** Rows decoded at one time: a canvas of a whole film of 4300 x 4300 is larger than phones allow. */
const ROWS = 256;

/** The 8-bit grey levels of a PNG, Uint8Array of width x height. */
async function plane(url, width, height) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw Object.assign(new Error(`map: the server answered ${answer.status}`), { status: answer.status });
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const picture = await createImageBitmap(await answer.blob(), options);
  if (picture.width !== width || picture.height !== height)
    throw new Error(`map: expected ${width} x ${height} pixels, got ${picture.width} x ${picture.height}`);
  const out = new Uint8Array(width * height);
  const canvas = new OffscreenCanvas(width, Math.min(ROWS, height));
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  for (let top = 0; top < height; top += ROWS) {
    const rows = Math.min(ROWS, height - top);
    context.drawImage(picture, 0, -top);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let at = top * width, from = 0; from < data.length; at++, from += 4) out[at] = data[from];
  }
  picture.close();
  return out;
}

const KINDS = {
  async maps({ urls, width, height }) {
    const [infection, opacity, zones] = await Promise.all(
      [urls.infection, urls.opacity, urls.zones].map((url) => plane(url, width, height)),
    );
    return { infection, opacity, zones, counts: count(infection, opacity, zones) };
  },
  async warp({ planes, width, height, matrix, size }) {
    return planes.map((one) => warp(one, width, height, matrix, size));
  },
};

self.onmessage = async ({ data: { id, kind, ...rest } }) => {
  try {
    const result = await KINDS[kind](rest);
    const moved = Object.values(result).map((one) => one.buffer);
    self.postMessage({ id, result }, moved);
  } catch (error) {
    self.postMessage({ id, status: error.status ?? 0, error: error.message });
  }
};
