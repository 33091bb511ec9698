/** A film with all that was read of it: what the server tells, its pixels, its maps. */
import { level, pyramid } from "../web/film.js";
import { blank, preview } from "../web/films.js";
import * as api from "./api.js";
import { shares } from "./shares.js";

let worker = null;
let number = 0;
const asked = new Map();

/** Ask the worker of maps: its result, or an ApiError. */
function work(kind, values) {
  worker ??= started();
  return new Promise((resolve, reject) => {
    asked.set(++number, { resolve, reject });
    worker.postMessage({ id: number, kind, ...values });
  });
}

function started() {
  const fresh = new Worker(new URL("./maps_worker.js", import.meta.url), { type: "module" });
  fresh.onmessage = ({ data: { id, result, status, error } }) => {
    const { resolve, reject } = asked.get(id);
    asked.delete(id);
    if (result) resolve(result);
    else reject(new api.ApiError(status, { error }));
  };
  return fresh;
}

export class Reading {
  constructor(info) {
    Object.assign(this, { info, film: null, maps: null });
  }

  /** Everything of a film but its pixels. */
  static async of(film) {
    return new Reading(await api.film(film, true));
  }

  get id() {
    return this.info.film;
  }

  get line() {
    return this.info.line;
  }

  get assessed() {
    return this.line.status === "ok";
  }

  /** A film that could not be read has no picture. */
  get pictured() {
    return this.info.width !== null;
  }

  get thresholds() {
    const { infection, opacity } = this.info.thresholds;
    // Of a model that the server has no more only the first is known; a half is what is left to say.
    return { infection, opacity: opacity ?? 0.5 };
  }

  /** The window that the film opens with. */
  get window() {
    const { bits, window } = this.info;
    return window ?? { center: 2 ** (bits - 1), width: 2 ** bits };
  }

  /** Fetch pixels: `shown()` at each better film. Resolves when the full depth is there. */
  async fetchFilm(shown) {
    const loaded = api.pictures.load(this.id);
    if (!loaded.ready) {
      const black = blank(this.info);
      this.show(black, shown);
      preview(loaded, this.info).then((film) => this.film === black && this.show(film, shown)).catch(() => {});
    }
    this.show(await loaded.full, shown);
  }

  show(film, shown) {
    this.film = film;
    shown();
  }

  /** Fetch the maps; a film that was not assessed has none. */
  async fetchMaps() {
    if (!this.assessed || this.maps) return;
    const { width, height } = this.info;
    const url = (what) => new URL(api.filmUrl(this.id, what), document.baseURI).href;
    const urls = { infection: url("map?layer=infection"), opacity: url("map?layer=opacity"), zones: url("zones") };
    this.maps = await work("maps", { urls, width, height });
  }

  /** Shares at thresholds, see `shares`; null until the maps are there. */
  shares(thresholds) {
    return this.maps && shares(this.maps.counts, thresholds);
  }

  /** Probabilities and zone at a film point: {infection, opacity, zone 0 to 6}, or null outside. */
  at(x, y) {
    const { width, height } = this.info;
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (!this.maps || column < 0 || row < 0 || column >= width || row >= height) return null;
    const place = row * width + column;
    const { infection, opacity, zones } = this.maps;
    return { infection: infection[place] / 255, opacity: opacity[place] / 255, zone: zones[place] };
  }

  /** This film and its maps on another's pixels, both read: {film, maps}. */
  async over(base) {
    const { matrix } = await api.aligned(base.id, this.id);
    const { width, height, bits } = this.film;
    const { infection, opacity, zones } = this.maps;
    const size = [base.info.width, base.info.height];
    const planes = [this.film.levels[0].pixels, infection, opacity, zones];
    const [pixels, ...maps] = await work("warp", { planes, width, height, matrix, size });
    return {
      film: { width: size[0], height: size[1], bits, levels: pyramid(level(pixels, ...size, 1)) },
      maps: { infection: maps[0], opacity: maps[1], zones: maps[2] },
    };
  }
}
