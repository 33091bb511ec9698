/** Films from a server: the preview for the first paint, full depth from a worker, both kept. */
import { ApiError, blob } from "./calls.js";
import { level, previewFilm } from "./film.js";

/** Films kept in memory: the open one, the next and two prior ones, 24 MB each at 3000 x 3000. */
const KEPT = 4;

/** The preview of a film as a film of one coarse level. */
export async function preview(loaded, { width, height, bits }) {
  return previewFilm(await loaded.picture, width, height, bits);
}

/** A black film of a size: masks can be seen on it before any picture is there. */
export function blank({ width, height, bits }) {
  return { width, height, bits, levels: [level(new Uint16Array(1), 1, 1, Math.max(width, height))] };
}

/** Films by identifier; `address(id)` is where they lie: `full` and `preview.jpg` below it. */
export class Films {
  constructor(address) {
    this.address = address;
    this.kept = new Map();
    this.asked = new Map();
    this.worker = null;
    this.number = 0;
  }

  /** {picture and full: promises, ready: the full film or null} of a film's identifier. */
  load(id) {
    const { kept } = this;
    const known = kept.get(id);
    kept.delete(id);
    const film = known ?? { full: this.full(id), picture: this.picture(id), ready: null };
    if (!known) {
      film.full.then((ready) => (film.ready = ready)).catch(() => kept.delete(id));
      film.picture.catch(() => {});
    }
    kept.set(id, film);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
    return film;
  }

  /** Forget all films, as when the reader signs out. */
  forget() {
    this.kept.clear();
    this.worker?.terminate();
    this.worker = null;
  }

  async picture(id) {
    return createImageBitmap(await blob(`${this.address(id)}/preview.jpg`));
  }

  full(id) {
    this.worker ??= this.started();
    const url = new URL(`${this.address(id)}/full`, document.baseURI).href;
    return new Promise((resolve, reject) => {
      this.asked.set(++this.number, { resolve, reject });
      this.worker.postMessage({ id: this.number, url });
    });
  }

  started() {
    const fresh = new Worker(new URL("./film_worker.js", import.meta.url), { type: "module" });
    fresh.onmessage = ({ data: { id, film, status, error } }) => {
      const { resolve, reject } = this.asked.get(id);
      this.asked.delete(id);
      if (film) resolve(film);
      else reject(new ApiError(status, status ? null : { error }));
    };
    return fresh;
  }
}
