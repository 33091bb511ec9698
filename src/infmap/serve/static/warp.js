/** One film's pixels on another's grid. */

/**
 * A plane as it lies on another film: nearest pixel, 0 where it has none.
 *
 * `matrix` [[a, b, c], [d, e, f]] takes pixel (x, y) of the plane to one of the other film, whose
 * `size` is [width, height]; it is inverted here. Throws an Error where it cannot be.
 */
export function warp(plane, width, height, [[a, b, c], [d, e, f]], [w, h]) {
  const scale = a * e - b * d;
  if (!Number.isFinite(scale) || scale === 0) throw new Error("aligned: expected a matrix that can be inverted");
  const out = new plane.constructor(w * h);
  // Pixel centres lie at whole numbers plus one half on both sides.
  for (let j = 0, at = 0; j < h; j++) {
    const v = j + 0.5 - f;
    for (let i = 0; i < w; i++, at++) {
      const u = i + 0.5 - c;
      const x = Math.floor((e * u - b * v) / scale);
      const y = Math.floor((a * v - d * u) / scale);
      if (x >= 0 && x < width && y >= 0 && y < height) out[at] = plane[y * width + x];
    }
  }
  return out;
}
