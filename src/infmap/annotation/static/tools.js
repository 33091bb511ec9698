/**
 * Drawing tools: each changes one label's bit of a mask in place and returns the rectangle
 * [x, y, width, height] it may have touched, or null.
 *
 * A canvas is {mask, width, height}; points are film coordinates, pixel centres at halves.
 */

/** Paint (or erase) what a round brush covers between two points. `allowed(at)` may hold pixels back. */
export function brush({ mask, width, height }, bit, [ax, ay], [bx, by], radius, { erase = false, allowed = null } = {}) {
  const x0 = Math.max(0, Math.floor(Math.min(ax, bx) - radius));
  const y0 = Math.max(0, Math.floor(Math.min(ay, by) - radius));
  const x1 = Math.min(width, Math.ceil(Math.max(ax, bx) + radius));
  const y1 = Math.min(height, Math.ceil(Math.max(ay, by) + radius));
  if (x0 >= x1 || y0 >= y1) return null;
  const keep = ~bit & 0xff;
  for (let y = y0; y < y1; y++) {
    const span = capsuleRow(ax, ay, bx, by, radius, y + 0.5);
    if (!span) continue;
    const from = y * width + Math.max(0, Math.ceil(span[0] - 0.5));
    const to = y * width + Math.min(width - 1, Math.floor(span[1] - 0.5));
    if (allowed) {
      for (let at = from; at <= to; at++) if (allowed(at)) mask[at] |= bit;
    } else if (erase) {
      for (let at = from; at <= to; at++) mask[at] &= keep;
    } else {
      for (let at = from; at <= to; at++) mask[at] |= bit;
    }
  }
  return [x0, y0, x1 - x0, y1 - y0];
}

/** Where the line at height y crosses a capsule: [left, right], or null. */
function capsuleRow(ax, ay, bx, by, radius, y) {
  let left = Infinity;
  let right = -Infinity;
  for (const [cx, cy] of [[ax, ay], [bx, by]]) {
    const reach = radius * radius - (y - cy) * (y - cy);
    if (reach < 0) continue;
    const half = Math.sqrt(reach);
    left = Math.min(left, cx - half);
    right = Math.max(right, cx + half);
  }
  const length = Math.hypot(bx - ax, by - ay);
  if (length > 0) {
    // The four corners of the rectangle between the two discs; its edges cross y where the sign changes.
    const [nx, ny] = [(-(by - ay) / length) * radius, ((bx - ax) / length) * radius];
    const corners = [[ax + nx, ay + ny], [bx + nx, by + ny], [bx - nx, by - ny], [ax - nx, ay - ny]];
    corners.forEach(([px, py], k) => {
      const [qx, qy] = corners[(k + 1) % 4];
      if (py === qy || y < Math.min(py, qy) || y > Math.max(py, qy)) return;
      const x = px + ((y - py) / (qy - py)) * (qx - px);
      left = Math.min(left, x);
      right = Math.max(right, x);
    });
  }
  return left <= right ? [left, right] : null;
}

/** Fill (or clear) the pixels whose centre lies inside a closed outline, even-odd rule. */
export function polygon({ mask, width, height }, bit, points, { erase = false } = {}) {
  if (points.length < 3) return null;
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [left, right] = [Math.max(0, Math.floor(Math.min(...xs))), Math.min(width, Math.ceil(Math.max(...xs)))];
  const [top, bottom] = [Math.max(0, Math.floor(Math.min(...ys))), Math.min(height, Math.ceil(Math.max(...ys)))];
  if (left >= right || top >= bottom) return null;
  for (let row = top; row < bottom; row++) {
    const y = row + 0.5;
    const crossings = [];
    points.forEach(([px, py], k) => {
      const [qx, qy] = points[(k + 1) % points.length];
      if (py <= y !== qy <= y) crossings.push(px + ((y - py) / (qy - py)) * (qx - px));
    });
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const from = Math.max(0, Math.ceil(crossings[k] - 0.5));
      const to = Math.min(width, Math.ceil(crossings[k + 1] - 0.5));
      for (let at = row * width + from; at < row * width + to; at++) {
        if (erase) mask[at] &= ~bit;
        else mask[at] |= bit;
      }
    }
  }
  return [left, top, right - left, bottom - top];
}

/** The rectangle around a label, grown by a margin and cut at the film; null where it is empty. */
export function extent({ mask, width, height }, bit, margin = 0) {
  let [x0, y0, x1, y1] = [width, -1, -1, -1];
  for (let y = 0, row = 0; y < height; y++, row += width) {
    let first = 0;
    while (first < width && !(mask[row + first] & bit)) first++;
    if (first === width) continue;
    let last = width - 1;
    while (!(mask[row + last] & bit)) last--;
    if (y0 < 0) y0 = y;
    y1 = y;
    x0 = Math.min(x0, first);
    x1 = Math.max(x1, last);
  }
  if (y0 < 0) return null;
  [x0, y0] = [Math.max(0, x0 - margin), Math.max(0, y0 - margin)];
  [x1, y1] = [Math.min(width, x1 + 1 + margin), Math.min(height, y1 + 1 + margin)];
  return [x0, y0, x1 - x0, y1 - y0];
}

/** Smooth a label's outline: a pixel is set where more than half of the square around it is set. */
export function smooth(canvas, bit) {
  const { mask, width, height } = canvas;
  // 0.3 % of the shorter side, as wide as the tremor of a hand at fit; chosen by eye.
  const radius = Math.max(1, Math.round(0.003 * Math.min(width, height)));
  const rect = extent(canvas, bit, radius);
  if (!rect) return null;
  const [x, y, w, h] = rect;
  const across = new Uint16Array(w * h);
  for (let j = 0; j < h; j++) {
    const row = (y + j) * width + x;
    const set = (i) => (i >= 0 && i < w && mask[row + i] & bit ? 1 : 0);
    let sum = 0;
    for (let i = 0; i < radius; i++) sum += set(i);
    for (let i = 0; i < w; i++) {
      sum += set(i + radius) - set(i - radius - 1);
      across[j * w + i] = sum;
    }
  }
  for (let i = 0; i < w; i++) {
    const cell = (j) => (j >= 0 && j < h ? across[j * w + i] : 0);
    const column = Math.min(x + i, radius) + Math.min(width - 1 - x - i, radius) + 1;
    let sum = 0;
    for (let j = 0; j < radius; j++) sum += cell(j);
    for (let j = 0; j < h; j++) {
      sum += cell(j + radius) - cell(j - radius - 1);
      // At the film's border only the pixels on the film are counted.
      const rows = Math.min(y + j, radius) + Math.min(height - 1 - y - j, radius) + 1;
      const at = (y + j) * width + x + i;
      if (2 * sum > rows * column) mask[at] |= bit;
      else mask[at] &= ~bit;
    }
  }
  return rect;
}

/** Fill the holes of a label: what no path of unset neighbours (4-connected) joins to the outside. */
export function fillHoles(canvas, bit) {
  const { mask, width } = canvas;
  const rect = extent(canvas, bit);
  if (!rect) return null;
  const [x, y, w, h] = rect;
  // A frame of one pixel around the label stands for the outside.
  const [fw, fh] = [w + 2, h + 2];
  const outside = new Uint8Array(fw * fh);
  for (let j = 0; j < h; j++)
    for (let i = 0; i < w; i++)
      if (mask[(y + j) * width + x + i] & bit) outside[(j + 1) * fw + i + 1] = 2;
  const stack = new Uint32Array(fw * fh);
  let depth = 1;
  outside[0] = 1;
  while (depth > 0) {
    const at = stack[--depth];
    const column = at % fw;
    if (column > 0 && !outside[at - 1]) (outside[at - 1] = 1), (stack[depth++] = at - 1);
    if (column < fw - 1 && !outside[at + 1]) (outside[at + 1] = 1), (stack[depth++] = at + 1);
    if (at >= fw && !outside[at - fw]) (outside[at - fw] = 1), (stack[depth++] = at - fw);
    if (at < fw * (fh - 1) && !outside[at + fw]) (outside[at + fw] = 1), (stack[depth++] = at + fw);
  }
  for (let j = 0; j < h; j++)
    for (let i = 0; i < w; i++)
      if (!outside[(j + 1) * fw + i + 1]) mask[(y + j) * width + x + i] |= bit;
  return rect;
}

/** Remove a label wholly. */
export function clear(canvas, bit) {
  const rect = extent(canvas, bit);
  if (!rect) return null;
  const [x, y, w, h] = rect;
  for (let j = y; j < y + h; j++)
    for (let at = j * canvas.width + x; at < j * canvas.width + x + w; at++) canvas.mask[at] &= ~bit;
  return rect;
}
