/** Calls of the server's HTTP interface, and what is remembered of its answers. */
import * as calls from "../web/calls.js";
import { Films } from "../web/films.js";

export { ApiError, session } from "../web/calls.js";

const root = "v1";

/** Address of something of a film. */
export const filmUrl = (film, what = "") => `${root}/films/${film}${what && `/${what}`}`;
/** Address of a job's events. */
export const eventsUrl = (job) => `${root}/jobs/${job}/events`;

/** Full depths and previews. */
export const pictures = new Films((film) => filmUrl(film));

const get = async (path) => calls.json(await calls.send("GET", `${root}/${path}`));

export const jobs = () => get("jobs");
export const job = (id) => get(`jobs/${id}`);
export const cancel = (id) => calls.send("DELETE", `${root}/jobs/${id}`);
/** Delete a job with its films, or a film with all that was made of it. */
export const removeJob = (id) => calls.send("DELETE", `${root}/jobs/${id}/films`);
export async function removeFilm(id) {
  await calls.send("DELETE", filmUrl(id));
  known = new Map(); // others of its patient and its other results name it
}
export const aligned = (film, other) => get(`films/${film}/aligned/${other}`);

/** A new job of `films` [{name, sha256, size}]: {id, wanted}. The id is ours: asking twice makes one. */
export async function createJob(id, films, models) {
  return calls.json(await calls.send("POST", `${root}/jobs`, { id, films, models }));
}

/** Send a film's bytes. */
export async function sendFilm(job, sha256, file) {
  return calls.json(await calls.send("PUT", `${root}/jobs/${job}/films/${sha256}`, file));
}

let known = new Map();

/** What there is to know of a film; asked for once. `fresh` asks again: there may be more films now. */
export function film(id, fresh = false) {
  if (fresh || !known.has(id)) {
    const answer = get(`films/${id}`);
    known.set(id, answer);
    answer.catch(() => known.delete(id));
  }
  return known.get(id);
}

let modelsAnswer = null;

/** The models that films are read with, the default one first. */
export function models() {
  if (!modelsAnswer) {
    modelsAnswer = get("models");
    modelsAnswer.catch(() => (modelsAnswer = null));
  }
  return modelsAnswer;
}

/** {local, name}, or null where a key is needed. */
export async function me() {
  try {
    return begun(await get("me"));
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

/** Begin a session with an API key. */
export async function signIn(key) {
  return begun(await calls.json(await calls.send("POST", `${root}/session`, { key })));
}

export async function signOut() {
  await calls.send("DELETE", `${root}/session`);
  forget();
}

/** Keep nothing of what was seen. */
function forget() {
  known = new Map();
  modelsAnswer = null;
  pictures.forget();
  sessionStorage.clear();
}

function begun(answer) {
  calls.signedIn(answer.csrf);
  return answer;
}

/** Save what is at an address of a film, under the name that the server gives it. */
export async function save(film, what) {
  const answer = await calls.send("GET", filmUrl(film, what));
  const stated = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  saveBlob(await answer.blob(), stated?.[1] ?? `infmap-${film}.${what === "overlay" ? "png" : what}`);
}

/** Hand a blob to the browser's own downloads. */
export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to read it by the next turn of its loop.
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
