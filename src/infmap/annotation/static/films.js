/** Films from the station: the preview for the first paint, full depth from a worker, both kept. */
import { level, previewFilm } from "../web/film.js";
import * as api from "./api.js";

/** Films kept in memory: the open one, the next and two prior ones, 24 MB each at 3000 x 3000. */
const KEPT = 4;

const kept = new Map();
let worker = null;
const asked = new Map();
let number = 0;

/** {picture and full: promises, ready: the full film or null} of a film's identifier. */
export function load(id) {
  const known = kept.get(id);
  kept.delete(id);
  const film = known ?? { full: full(id), picture: picture(id), ready: null };
  if (!known) {
    film.full.then((ready) => (film.ready = ready)).catch(() => kept.delete(id));
    film.picture.catch(() => {});
  }
  kept.set(id, film);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return film;
}

/** The preview of a film as a film of one coarse level. */
export async function preview(loaded, { width, height, bits }) {
  return previewFilm(await loaded.picture, width, height, bits);
}

/** A black film of a size: masks can be seen on it before any picture is there. */
export function blank({ width, height, bits }) {
  return { width, height, bits, levels: [level(new Uint16Array(1), 1, 1, Math.max(width, height))] };
}

/** Forget all films, as when the reader signs out. */
export function forget() {
  kept.clear();
  worker?.terminate();
  worker = null;
}

async function picture(id) {
  const bytes = await api.bytes(`films/${id}/preview.jpg`);
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}

function full(id) {
  worker ??= started();
  const url = new URL(`api/films/${id}/full`, document.baseURI).href;
  return new Promise((resolve, reject) => {
    asked.set(++number, { resolve, reject });
    worker.postMessage({ id: number, url });
  });
}

function started() {
  const fresh = new Worker(new URL("../web/film_worker.js", import.meta.url), { type: "module" });
  fresh.onmessage = ({ data: { id, film, status, error } }) => {
    const { resolve, reject } = asked.get(id);
    asked.delete(id);
    if (film) resolve(film);
    else reject(new api.ApiError(status, status ? null : { error }));
  };
  return fresh;
}
