/**
 * One canvas that shows a film, a map of probabilities and contours at a threshold.
 *
 * Levels and zones are sampled at the view's pixels when the viewpoint changes; a threshold is then
 * compared with those alone, so that its cost does not grow with the film.
 */
import { CONTOUR, Panel } from "../web/view.js";
import { LINES, ZONE_LINE } from "./map_colours.js";

export const LUNGS = 1;
export const INFECTED = 2;
export const OPAQUE = 4;

export class MapPanel extends Panel {
  constructor(canvas, grey, maps) {
    super(canvas, grey);
    this.maps = maps;
    this.at = null;
  }

  resize(width, height) {
    const before = this.image;
    super.resize(width, height);
    if (this.image === before) return;
    for (const name of ["infection", "opacity", "was", "zones"]) this[name] = new Uint8Array(this.seen.length);
    this.shown = new Uint8Array(this.seen.length);
    this.at = null;
  }

  /** `look`: {table, greys, fill, layer, first: {infection, opacity}, lines, zones}. */
  draw(film, view, look) {
    this.look = look;
    super.draw(film, view, look);
  }

  /** Bits and the drawn level of every view pixel, with a margin for contours. */
  sampleMask(view, _, [x0, y0, x1, y1]) {
    const { seen, shown, look, maps, stride } = this;
    if (!maps) {
      seen.fill(0);
      shown.fill(0);
      return;
    }
    this.sampleMaps(view, [x0, y0, x1, y1]);
    const { infection, opacity, was, zones } = this;
    const { first, layer } = look;
    for (let at = 0, end = stride * (y1 - y0 + 2 * CONTOUR); at < end; at++) {
      if (!zones[at]) {
        seen[at] = shown[at] = 0;
        continue;
      }
      const infected = infection[at] >= first.infection;
      const opaque = infected || opacity[at] >= first.opacity;
      seen[at] = LUNGS | (infected ? INFECTED : 0) | (opaque ? OPAQUE : 0);
      if (layer === "infection") shown[at] = infection[at];
      else if (layer === "opacity") shown[at] = opacity[at];
      // Where the other film has no lung nothing can be said of a change.
      else if (layer === "change" && was[at]) shown[at] = opaque === was[at] >= first.opacity ? 0 : opaque ? 1 : 2;
      else shown[at] = 0;
    }
  }

  /** Levels at the view's pixels, nearest pixel; nothing to do while viewpoint and maps stay. */
  sampleMaps(view, [x0, y0, x1, y1]) {
    const { maps, stride } = this;
    const { film } = this.grey;
    const { at } = this;
    if (at && at.maps === maps && at.was === maps.was && at.scale === view.scale && at.x === view.x && at.y === view.y) return;
    this.at = { maps, was: maps.was, scale: view.scale, x: view.x, y: view.y };
    const columns = new Int32Array(stride);
    for (let i = x0; i < x1 + 2 * CONTOUR; i++) {
      const x = Math.floor(view.x + (i - CONTOUR + 0.5) / view.scale);
      columns[i] = x < 0 || x >= film.width ? -1 : x;
    }
    for (let j = y0; j < y1 + 2 * CONTOUR; j++) {
      const y = Math.floor(view.y + (j - CONTOUR + 0.5) / view.scale);
      const row = y < 0 || y >= film.height ? -1 : y * film.width;
      for (let i = 0, to = j * stride; i < stride; i++, to++) {
        const x = columns[i];
        const from = row < 0 || x < 0 ? -1 : row + x;
        const zone = from < 0 ? 0 : maps.zones[from];
        this.zones[to] = zone;
        if (!zone) continue;
        this.infection[to] = maps.infection[from];
        this.opacity[to] = maps.opacity[from];
        this.was[to] = maps.was ? maps.was[from] : 0;
      }
    }
  }

  /** Grey, map and contours of pixels `at` to `end`; see Panel. */
  composeRow(look, at, end, s) {
    const { pixels, seen, shown, zones, stride } = this;
    const { table, greys, fill, lines } = look;
    const film = this.grey.pixels;
    const far = CONTOUR * stride;
    for (; at < end; at++, s++) {
      const bits = seen[s];
      if (bits === 0) {
        pixels[at] = greys[film[at]];
        continue;
      }
      const edge = bits & lines && bits & lines & ~(seen[s - CONTOUR] & seen[s + CONTOUR] & seen[s - far] & seen[s + far]);
      if (edge) pixels[at] = LINES[edge];
      else if (look.zones && (borders(zones, s, s + 1) || borders(zones, s, s + stride))) pixels[at] = ZONE_LINE;
      else if (shown[s]) pixels[at] = fill[(shown[s] << 8) | table[film[at]]];
      else pixels[at] = greys[film[at]];
    }
  }
}

/** Whether two neighbours lie in two zones. */
function borders(zones, one, other) {
  return zones[other] !== 0 && zones[one] !== zones[other];
}
