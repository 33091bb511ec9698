/**
 * Boxes on a film: {x, y, width, height, over_lungs?} in film pixels, integers, inside the film.
 */

/** Device pixels around a corner in which a pointer takes it. */
const REACH = 12;
/** Film pixels below which a drag made no box: a click is none. */
const LEAST = 4;

/** The box of two film points, whole pixels, cut to the film. */
export function spanned(a, b, { width, height }) {
  const cut = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
  const [x0, x1] = [cut(Math.min(a.x, b.x), width), cut(Math.max(a.x, b.x), width)];
  const [y0, y1] = [cut(Math.min(a.y, b.y), height), cut(Math.max(a.y, b.y), height)];
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}

/** A box moved by film pixels, kept inside the film. */
export function moved(box, dx, dy, { width, height }) {
  const x = Math.min(width - box.width, Math.max(0, Math.round(box.x + dx)));
  const y = Math.min(height - box.height, Math.max(0, Math.round(box.y + dy)));
  return { ...box, x, y };
}

export function isBox({ width, height }) {
  return width >= LEAST && height >= LEAST;
}

/** What a film point takes: {index, corner: the opposite corner or null}; null beside all boxes. */
export function taken(boxes, { x, y }, scale) {
  const reach = REACH / scale;
  for (let index = boxes.length - 1; index >= 0; index--) {
    const box = boxes[index];
    const [right, bottom] = [box.x + box.width, box.y + box.height];
    for (const [cx, cy, ox, oy] of [
      [box.x, box.y, right, bottom],
      [right, box.y, box.x, bottom],
      [box.x, bottom, right, box.y],
      [right, bottom, box.x, box.y],
    ])
      if (Math.abs(x - cx) <= reach && Math.abs(y - cy) <= reach) return { index, corner: { x: ox, y: oy } };
    if (x >= box.x && x < right && y >= box.y && y < bottom) return { index, corner: null };
  }
  return null;
}

/** Draw boxes on a canvas; the chosen one has handles. Returns the canvas's rectangle as dirty. */
export function paint(context, view, boxes, chosen) {
  const { canvas } = context;
  boxes.forEach((box, index) => {
    const at = [(box.x - view.x) * view.scale, (box.y - view.y) * view.scale];
    const size = [box.width * view.scale, box.height * view.scale];
    context.lineWidth = index === chosen ? 3 : 2;
    context.strokeStyle = box.over_lungs ? "#f0d060" : "#ff8a5c";
    context.fillStyle = "rgb(0 0 0 / 35%)";
    context.fillRect(...at, ...size);
    context.strokeRect(...at, ...size);
    if (index !== chosen) return;
    context.fillStyle = "#fff";
    for (const [cx, cy] of [[0, 0], [size[0], 0], [0, size[1]], size])
      context.fillRect(at[0] + cx - 4, at[1] + cy - 4, 8, 8);
  });
  return [0, 0, canvas.width, canvas.height];
}
