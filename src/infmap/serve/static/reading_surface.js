/** The panels of a read film: maps and contours over it, sides and zones named. */
import { windowTable } from "../web/film.js";
import { Surface } from "../web/surface.js";
import { changeFills, fills, greys } from "./map_colours.js";
import { INFECTED, LUNGS, MapPanel, OPAQUE } from "./map_panel.js";
import { firstLevel } from "./shares.js";
import { ZONES } from "./words.js";

/** Device pixels of a letter on the film. */
const LETTER = 15;

export class ReadingSurface extends Surface {
  constructor(host) {
    super(host);
    Object.assign(this.look, {
      layer: "infection", opacity: 0.45, zones: false,
      contours: { lungs: true, infection: true, opacity: false },
      thresholds: { infection: 0.5, opacity: 0.5 },
    });
  }

  panelOf(canvas, grey, { maps, stated }) {
    const panel = new MapPanel(canvas, grey, maps);
    panel.middles = maps && middles(maps.zones, this.film.width);
    panel.marks = (context, view) => this.letters(context, view, panel, stated);
    return panel;
  }

  tablesFor(film, { shown: { window } }) {
    const { center, width, invert, opacity, layer, thresholds, contours, zones } = this.look;
    const { own } = this;
    this.tables ??= new Map();
    const name = [film.bits, window?.center, window?.width].join();
    const kept = this.tables.get(name);
    if (kept) return kept;
    // Another film is windowed alike: as far from its own window as this one is from its own.
    const ratio = window && own ? window.width / own.width : 1;
    const middle = window && own ? window.center + (center - own.center) * ratio : center;
    const table = windowTable(film.bits, middle, width * ratio, invert);
    const made = {
      table, layer, zones,
      greys: greys(table),
      fill: this.fill(layer, opacity),
      first: { infection: firstLevel(thresholds.infection), opacity: firstLevel(thresholds.opacity) },
      lines: (contours.lungs ? LUNGS : 0) | (contours.infection ? INFECTED : 0) | (contours.opacity ? OPAQUE : 0),
    };
    this.tables.set(name, made);
    return made;
  }

  /** Colours of a layer; made again only when layer or strength change. */
  fill(layer, strength) {
    const name = `${layer} ${strength}`;
    if (this.filled?.name !== name)
      this.filled = { name, table: layer === "change" ? changeFills(strength) : fills(layer, strength) };
    return this.filled.table;
  }

  /** Names of sides and zones on the canvas: returns the part of it that was drawn on. */
  letters(context, view, panel, stated) {
    const { width, height } = panel.image;
    const size = LETTER * (window.devicePixelRatio || 1);
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    const write = (text, x, y) => {
      context.lineWidth = size / 5;
      context.strokeStyle = "#000";
      context.fillStyle = "#dfe5eb";
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    };
    const [right, left] = stated ? ["R", "L"] : ["R?", "L?"];
    context.textAlign = "left";
    write(right, size / 2, height / 2);
    context.textAlign = "right";
    write(left, width - size / 2, height / 2);
    context.textAlign = "center";
    if (this.look.zones)
      (panel.middles ?? []).forEach((at, k) => at && write(ZONES[k], (at[0] - view.x) * view.scale, (at[1] - view.y) * view.scale));
    return [0, 0, width, height];
  }
}

/** The middle of each zone, film pixels; null where a zone is empty. */
function middles(zones, width) {
  const sums = Array.from({ length: 7 }, () => [0, 0, 0]);
  // Every fourth pixel of every fourth row: a middle needs no more.
  for (let at = 0; at < zones.length; at += 4) {
    const row = Math.floor(at / width);
    if (row % 4) {
      at = (row + 1) * width - 4;
      continue;
    }
    const sum = sums[zones[at]];
    sum[0] += at - row * width;
    sum[1] += row;
    sum[2] += 1;
  }
  return sums.slice(1).map(([x, y, n]) => (n ? [x / n, y / n] : null));
}
