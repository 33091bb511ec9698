/** Colours of maps and contours, the report's own (infmap.report.overlay). */

// Each runs from dark to light, so that lightness alone tells low from high; orange and blue are told
// apart by colour-blind readers (Okabe and Ito 2008).
const STOPS = {
  infection: [[87, 16, 110], [150, 38, 103], [205, 66, 71], [238, 105, 37], [252, 165, 40]],
  opacity: [[38, 40, 130], [38, 82, 176], [44, 126, 206], [70, 168, 226], [124, 206, 242]],
};
/** Below the first probability nothing is tinted; from the second on the tint is full. */
const [TINT_FROM, TINT_FULL] = [0.1, 0.5];

export const CONTOURS = { lungs: [64, 224, 255], infection: [255, 244, 96], opacity: [255, 132, 214] };
/** Of a change: opaque now and not before, before and not now. */
export const CHANGE = { more: [252, 141, 42], less: [64, 176, 240] };

/** The colour of a level 0 to 255 as [red, green, blue, alpha 0 to 1]. */
export function colour(layer, level) {
  const p = level / 255;
  const stops = STOPS[layer];
  const at = Math.min(stops.length - 2, Math.floor(p * 4));
  const part = p * 4 - at;
  const tint = Math.min(1, Math.max(0, (p - TINT_FROM) / (TINT_FULL - TINT_FROM)));
  return [...[0, 1, 2].map((k) => stops[at][k] + (stops[at + 1][k] - stops[at][k]) * part), tint * tint * (3 - 2 * tint)];
}

const pack = (red, green, blue) =>
  (0xff000000 | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;

/** Uint32Array of 2^bits display colours of a window's table. */
export function greys(table) {
  return Uint32Array.from(table, (shown) => pack(shown, shown, shown));
}

/** Colours of a level over a shown grey: Uint32Array, place (level << 8) | grey. */
export function fills(layer, strength) {
  const out = new Uint32Array(256 * 256);
  for (let level = 0; level < 256; level++) {
    const [red, green, blue, alpha] = layer === "none" ? [0, 0, 0, 0] : colour(layer, level);
    const a = alpha * strength;
    for (let shown = 0; shown < 256; shown++)
      out[(level << 8) | shown] = pack(...[red, green, blue].map((c) => shown + (c - shown) * a));
  }
  return out;
}

/** The same of a change: level 1 is more, 2 less, all others none. */
export function changeFills(strength) {
  const out = new Uint32Array(256 * 256);
  for (let level = 0; level < 256; level++) {
    const over = [null, CHANGE.more, CHANGE.less][level];
    for (let shown = 0; shown < 256; shown++)
      out[(level << 8) | shown] = over ? pack(...over.map((c) => shown + (c - shown) * strength)) : pack(shown, shown, shown);
  }
  return out;
}

/** Colours of contours by their bits, LUNGS 1, INFECTED 2, OPAQUE 4: the finding over the lung. */
export const LINES = Uint32Array.from({ length: 8 }, (_, bits) => {
  if (bits & 2) return pack(...CONTOURS.infection);
  if (bits & 4) return pack(...CONTOURS.opacity);
  return pack(...CONTOURS.lungs);
});
export const ZONE_LINE = pack(150, 166, 180);
